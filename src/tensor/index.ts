/** The tensor layer: the only folder that loads the native addon. */
export { GradientStore, gradientOf } from "./autograd.js";
export { type Argument, call, callAny, type OperatorName, type RecordedCall, recordCalls } from "./call.js";
export { availableMemory, engineInfo, resolveDevice, setMemoryLimit, setThreads } from "./device.js";
export { canCapture, DeviceGraph } from "./graph.js";
export {
  broadcast,
  checkGroup,
  failGroup,
  GradientBuckets,
  type GroupMember,
  type GroupStats,
  groupStats,
  joinGroup,
  leaveGroup,
  PendingSum,
} from "./group.js";
export { keyedNormal } from "./keyed-normal.js";
export type { MemoryStats, ProfileRow } from "./native.js";
export { type Profile, profile } from "./profile.js";
export { recompute } from "./recompute.js";
export { closeScope, keep, memoryStats, openScope, releaseCachedMemory, resetPeakMemory, scope } from "./scope.js";
export { type Device, type DeviceName, type DType, fromArray, scalar, Tensor, type TypedArray } from "./tensor.js";
