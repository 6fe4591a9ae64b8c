// Preloaded into a process that must do without the native addon: loading it, or any library of libtorch, throws.
const load = process.dlopen;
process.dlopen = (module, path, ...rest) => {
  if (/advprop|torch/.test(require("node:path").basename(path))) throw new Error(`the addon is not here: ${path}`);
  return load.call(process, module, path, ...rest);
};
