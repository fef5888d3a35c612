// Package models holds the visual models and the signal processing they are
// made of: the texture statistics of Portilla and Simoncelli, the steerable and
// the Laplacian pyramid, models of the early visual system, and filters.
//
// A model records its representation of images (N, C, h, w) on their Tape, in
// their precision; images and, where nothing else is said, channels are treated
// one by one. Models are made once for a size and may be used on any number of
// Tapes.
package models
