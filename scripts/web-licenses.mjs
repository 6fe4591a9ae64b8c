/** The licence notices of what is bundled into a page. MIT asks to hand them on with every copy. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** By package, the notice of one that names its licence, MIT, but does not contain the text. */
const NOTICES = {
  "onnxruntime-web": (version) => `Copyright (c) Microsoft Corporation
The notices of the libraries in it: https://github.com/microsoft/onnxruntime/blob/v${version}/ThirdPartyNotices.txt`,
};

const INTRODUCTION = "This page was made with advprop (Apache-2.0). It contains the following programs of others.\n";

const MIT = `MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to
deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
`;

/**
 * Collects the packages of a build and of its workers.
 *
 * @returns `plugin`, to be used in both, and `text`, the notices after the build
 */
export function licenses() {
  const folders = new Set();
  const plugin = {
    name: "licenses",
    generateBundle() {
      for (const id of this.getModuleIds()) {
        const folder = packageOf(id);
        if (folder !== undefined) folders.add(folder);
      }
    },
  };
  return { plugin, text: () => [INTRODUCTION, ...[...folders].sort().map(noticeOf)].join("\n") };
}

/** The folder of the package that a module is in; undefined for our own modules. */
const packageOf = (id) => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];

/** @throws Error the package has no licence file, and its notice is not known */
function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (file === undefined && NOTICES[name] === undefined)
    throw new Error(`${name} has no licence file: add its notice to scripts/web-licenses.mjs`);
  const text = file === undefined ? `${NOTICES[name](version)}\n\n${MIT}` : readFileSync(join(folder, file), "utf8");
  return `${"-".repeat(80)}\n${name} ${version}, ${license}\n\n${text.trim()}\n`;
}
