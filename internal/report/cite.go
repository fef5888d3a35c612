package report

import "strings"

// references are those that a Methods paragraph can cite, as BibTeX.
var references = map[string]string{
	"portilla2000": `@article{portilla2000,
  author  = {Portilla, Javier and Simoncelli, Eero P.},
  title   = {A parametric texture model based on joint statistics of complex wavelet coefficients},
  journal = {International Journal of Computer Vision},
  volume  = {40},
  number  = {1},
  pages   = {49--70},
  year    = {2000},
  doi     = {10.1023/A:1026553619983},
}`,
	"simoncelli1995": `@inproceedings{simoncelli1995,
  author    = {Simoncelli, Eero P. and Freeman, William T.},
  title     = {The steerable pyramid: a flexible architecture for multi-scale derivative computation},
  booktitle = {Proceedings of the International Conference on Image Processing},
  volume    = {3},
  pages     = {444--447},
  year      = {1995},
  doi       = {10.1109/ICIP.1995.537667},
}`,
	"duong2023": `@article{duong2023,
  author  = {Duong, Lyndon and Bonnen, Kathryn and Broderick, William and Fiquet, Pierre-{\'E}tienne and Parthasarathy, Nikhil and Yerxa, Thomas and Zhao, Xinyuan and Simoncelli, Eero},
  title   = {Plenoptic: A platform for synthesizing model-optimized visual stimuli},
  journal = {Journal of Vision},
  volume  = {23},
  number  = {9},
  pages   = {5822},
  year    = {2023},
  doi     = {10.1167/jov.23.9.5822},
}`,
	"freeman2011": `@article{freeman2011,
  author  = {Freeman, Jeremy and Simoncelli, Eero P.},
  title   = {Metamers of the ventral stream},
  journal = {Nature Neuroscience},
  volume  = {14},
  number  = {9},
  pages   = {1195--1201},
  year    = {2011},
  doi     = {10.1038/nn.2889},
}`,
	"wang2008": `@article{wang2008,
  author  = {Wang, Zhou and Simoncelli, Eero P.},
  title   = {Maximum differentiation ({MAD}) competition: a methodology for comparing computational models of perceptual quantities},
  journal = {Journal of Vision},
  volume  = {8},
  number  = {12},
  pages   = {8:1--13},
  year    = {2008},
  doi     = {10.1167/8.12.8},
}`,
	"berardino2017": `@inproceedings{berardino2017,
  author    = {Berardino, Alexander and Laparra, Valero and Ball{\'e}, Johannes and Simoncelli, Eero P.},
  title     = {Eigen-distortions of hierarchical representations},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {30},
  year      = {2017},
  url       = {arxiv.org/abs/1710.02266},
}`,
	"henaff2016": `@inproceedings{henaff2016,
  author    = {H{\'e}naff, Olivier J. and Simoncelli, Eero P.},
  title     = {Geodesics of learned representations},
  booktitle = {International Conference on Learning Representations},
  year      = {2016},
  url       = {arxiv.org/abs/1511.06394},
}`,
	"liu1989": `@article{liu1989,
  author  = {Liu, Dong C. and Nocedal, Jorge},
  title   = {On the limited memory {BFGS} method for large scale optimization},
  journal = {Mathematical Programming},
  volume  = {45},
  pages   = {503--528},
  year    = {1989},
  doi     = {10.1007/BF01589116},
}`,
	"kingma2015": `@inproceedings{kingma2015,
  author    = {Kingma, Diederik P. and Ba, Jimmy},
  title     = {Adam: A method for stochastic optimization},
  booktitle = {International Conference on Learning Representations},
  year      = {2015},
  url       = {arxiv.org/abs/1412.6980},
}`,
	"percept": `@misc{percept,
  title = {percept: images that tell what a visual model sees},
  url   = {github.com/percept-go/percept},
}`,
}

// Cite returns the BibTeX entries of keys, in that order. It panics if one does
// not exist.
func Cite(keys ...string) string {
	entries := make([]string, len(keys))
	for i, k := range keys {
		e, ok := references[k]
		if !ok {
			panic("report: no reference is called " + k)
		}
		entries[i] = e
	}
	return strings.Join(entries, "\n\n")
}
