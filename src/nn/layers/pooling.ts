/** Pooling. */
export { averagePool as globalAveragePool, avgPool2d, maxPool2d } from "../../tensor/operators.js";
