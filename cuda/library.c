//go:build cuda && cgo

// The driver is opened when the program first asks for a GPU, not when it starts:
// every function of libcuda that this program calls is a jump through a slot that
// percept_open_driver fills. So a binary starts where there is no driver, and the
// linker, told --as-needed, leaves libcuda out of what the binary needs.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS(F) \
  F(cuArray3DCreate_v2) F(cuArray3DGetDescriptor_v2) F(cuArrayCreate_v2) F(cuArrayDestroy) F(cuArrayGetDescriptor_v2) \
  F(cuCtxCreate_v2) F(cuCtxDestroy_v2) F(cuCtxDisablePeerAccess) F(cuCtxEnablePeerAccess) F(cuCtxGetApiVersion) \
  F(cuCtxGetCacheConfig) F(cuCtxGetCurrent) F(cuCtxGetDevice) F(cuCtxGetFlags) F(cuCtxGetLimit) F(cuCtxGetSharedMemConfig) \
  F(cuCtxGetStreamPriorityRange) F(cuCtxPopCurrent_v2) F(cuCtxPushCurrent_v2) F(cuCtxResetPersistingL2Cache) \
  F(cuCtxSetCacheConfig) F(cuCtxSetCurrent) F(cuCtxSetLimit) F(cuCtxSetSharedMemConfig) F(cuCtxSynchronize) \
  F(cuDeviceCanAccessPeer) F(cuDeviceGet) F(cuDeviceGetAttribute) F(cuDeviceGetCount) F(cuDeviceGetName) \
  F(cuDeviceGetP2PAttribute) F(cuDeviceGetUuid) F(cuDeviceGetUuid_v2) F(cuDevicePrimaryCtxGetState) \
  F(cuDevicePrimaryCtxRelease_v2) F(cuDevicePrimaryCtxReset_v2) F(cuDevicePrimaryCtxRetain) F(cuDevicePrimaryCtxSetFlags_v2) \
  F(cuDeviceTotalMem_v2) F(cuDriverGetVersion) F(cuEventCreate) F(cuEventDestroy_v2) F(cuEventElapsedTime) F(cuEventQuery) \
  F(cuEventRecord) F(cuEventSynchronize) F(cuFuncGetAttribute) F(cuFuncSetAttribute) F(cuFuncSetCacheConfig) \
  F(cuFuncSetSharedMemConfig) F(cuGetErrorName) F(cuGetErrorString) F(cuGraphAddChildGraphNode) F(cuGraphAddDependencies) \
  F(cuGraphAddEmptyNode) F(cuGraphAddHostNode) F(cuGraphAddKernelNode) F(cuGraphAddKernelNode_v2) F(cuGraphAddMemcpyNode) \
  F(cuGraphAddMemsetNode) F(cuGraphClone) F(cuGraphCreate) F(cuGraphDestroy) F(cuGraphDestroyNode) F(cuGraphExecDestroy) \
  F(cuGraphGetEdges) F(cuGraphGetNodes) F(cuGraphInstantiateWithFlags) F(cuGraphLaunch) F(cuLaunchKernel) F(cuLinkAddData_v2) \
  F(cuLinkAddFile_v2) F(cuLinkComplete) F(cuLinkCreate_v2) F(cuLinkDestroy) F(cuMemAdvise) F(cuMemAllocAsync) \
  F(cuMemAllocManaged) F(cuMemAllocPitch_v2) F(cuMemAlloc_v2) F(cuMemFreeAsync) F(cuMemFreeHost) F(cuMemFree_v2) \
  F(cuMemGetAddressRange_v2) F(cuMemGetInfo_v2) F(cuMemHostAlloc) F(cuMemPrefetchAsync) F(cuMemcpy) F(cuMemcpy2DAsync_v2) \
  F(cuMemcpy2DUnaligned_v2) F(cuMemcpy2D_v2) F(cuMemcpy3DAsync_v2) F(cuMemcpy3DPeer) F(cuMemcpy3DPeerAsync) F(cuMemcpy3D_v2) \
  F(cuMemcpyAsync) F(cuMemcpyAtoA_v2) F(cuMemcpyAtoD_v2) F(cuMemcpyAtoHAsync_v2) F(cuMemcpyAtoH_v2) F(cuMemcpyDtoA_v2) \
  F(cuMemcpyDtoDAsync_v2) F(cuMemcpyDtoD_v2) F(cuMemcpyDtoHAsync_v2) F(cuMemcpyDtoH_v2) F(cuMemcpyHtoAAsync_v2) \
  F(cuMemcpyHtoA_v2) F(cuMemcpyHtoDAsync_v2) F(cuMemcpyHtoD_v2) F(cuMemcpyPeer) F(cuMemcpyPeerAsync) F(cuMemsetD16Async) \
  F(cuMemsetD16_v2) F(cuMemsetD2D16Async) F(cuMemsetD2D16_v2) F(cuMemsetD2D32Async) F(cuMemsetD2D32_v2) F(cuMemsetD2D8Async) \
  F(cuMemsetD2D8_v2) F(cuMemsetD32Async) F(cuMemsetD32_v2) F(cuMemsetD8Async) F(cuMemsetD8_v2) F(cuModuleGetFunction) \
  F(cuModuleGetGlobal_v2) F(cuModuleGetSurfRef) F(cuModuleGetTexRef) F(cuModuleLoad) F(cuModuleLoadData) F(cuModuleLoadDataEx) \
  F(cuModuleLoadFatBinary) F(cuModuleUnload) F(cuOccupancyMaxActiveBlocksPerMultiprocessor) \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags) F(cuPointerGetAttribute) F(cuPointerSetAttribute) \
  F(cuStreamAttachMemAsync) F(cuStreamBeginCapture_v2) F(cuStreamCreate) F(cuStreamCreateWithPriority) F(cuStreamDestroy_v2) \
  F(cuStreamEndCapture) F(cuStreamGetFlags) F(cuStreamGetPriority) F(cuStreamIsCapturing) F(cuStreamQuery) F(cuStreamSynchronize) \
  F(cuStreamWaitEvent) F(cuStreamWaitValue32) F(cuStreamWaitValue32_v2) F(cuStreamWriteValue32) F(cuStreamWriteValue32_v2) \
  F(cuSurfRefGetArray) F(cuSurfRefSetArray) F(cuTexRefGetAddressMode) F(cuTexRefGetAddress_v2) F(cuTexRefGetArray) \
  F(cuTexRefGetBorderColor) F(cuTexRefGetFilterMode) F(cuTexRefGetFlags) F(cuTexRefGetFormat) F(cuTexRefGetMaxAnisotropy) \
  F(cuTexRefSetAddress2D_v3) F(cuTexRefSetAddressMode) F(cuTexRefSetAddress_v2) F(cuTexRefSetArray) F(cuTexRefSetBorderColor) \
  F(cuTexRefSetFilterMode) F(cuTexRefSetFlags) F(cuTexRefSetFormat) F(cuTexRefSetMaxAnisotropy) F(cuTexRefSetMipmapFilterMode) \
  F(cuTexRefSetMipmapLevelBias) F(cuTexRefSetMipmapLevelClamp) 

enum { NO_DRIVER = 100 }; // CUDA_ERROR_NO_DEVICE
static int missing(void) { return NO_DRIVER; }

#if defined(__x86_64__)
#define JUMP(name) "jmp *percept_slot_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) "adrp x16, percept_slot_" #name "\nldr x16, [x16, :lo12:percept_slot_" #name "]\nbr x16\n"
#else
#error "percept's CUDA backend supports amd64 and arm64"
#endif
#define SLOT(name) \
  __attribute__((visibility("hidden"), used)) void *percept_slot_##name = (void *)missing; \
  __asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n" JUMP(name) ".size " #name ", .-" #name "\n");
SYMBOLS(SLOT)

// gorgonia.org/cu calls cuInit when the program starts and ends it on failure.
// This definition is found before the driver's; percept_open_driver calls the
// driver's own.
int cuInit(unsigned flags) { return 0; }

// Opens the driver's library and initializes it. Returns -1 if there is none, else
// the CUresult of cuInit; why says what the loader found.
int percept_open_driver(const char *name, const char **why) {
  void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!lib) { *why = dlerror(); return -1; }
  *why = "";
#define FILL(name) { void *p = dlsym(lib, #name); if (p) percept_slot_##name = p; }
  SYMBOLS(FILL)
  int (*init)(unsigned) = (int (*)(unsigned))dlsym(lib, "cuInit");
  return init ? init(0) : NO_DRIVER;
}
