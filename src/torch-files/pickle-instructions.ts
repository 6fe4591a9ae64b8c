/** The instructions of Python's pickles that tensors in plain containers need, by opcode. */
import { Namespace, PickleArgumentError, type PickleGlobal, type PickleValue } from "./pickle-globals.js";

/** The interface of the stack machine for its instructions. */
export interface MachineInterface {
  take(length: number): Uint8Array;
  line(): string;
  unsigned(width: 1 | 2 | 4 | 8): number;
  push(value: PickleValue): void;
  pop(): PickleValue;
  mark(): void;
  popToMark(): PickleValue[];
  top(): PickleValue;
  put(index: number): void;
  memoize(): void;
  get(index: number): void;
  global(module: string, name: string): void;
  refuseCall(name: string): never;
  persistent(id: PickleValue): PickleValue;
}

export type Instruction = readonly [name: string, run: (m: MachineInterface) => void];

/** The instruction that ends a pickle. */
export const STOP = 0x2e;
const text = (m: MachineInterface, width: 1 | 4 | 8) => m.push(decodeText(m.take(m.unsigned(width))));
const bytes = (m: MachineInterface, width: 1 | 4 | 8) => m.push(m.take(m.unsigned(width)));
/** A string of Python 2, in which bytes are characters. */
const oldText = (m: MachineInterface, width: 1 | 4) =>
  m.push(Buffer.from(m.take(m.unsigned(width))).toString("latin1"));
const tuple = (m: MachineInterface, length: number) => m.push(Array.from({ length }, () => m.pop()).reverse());

/** By opcode. */
export const INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  128: ["PROTO", (m) => checkProtocol(m.unsigned(1))],
  149: ["FRAME", (m) => void m.unsigned(8)],
  78: ["NONE", (m) => m.push(null)],
  136: ["NEWTRUE", (m) => m.push(true)],
  137: ["NEWFALSE", (m) => m.push(false)],
  74: ["BININT", (m) => m.push(m.unsigned(4) | 0)],
  75: ["BININT1", (m) => m.push(m.unsigned(1))],
  77: ["BININT2", (m) => m.push(m.unsigned(2))],
  138: ["LONG1", (m) => m.push(longInteger(m.take(m.unsigned(1))))],
  71: ["BINFLOAT", (m) => m.push(bigEndianFloat(m.take(8)))],
  88: ["BINUNICODE", (m) => text(m, 4)],
  140: ["SHORT_BINUNICODE", (m) => text(m, 1)],
  141: ["BINUNICODE8", (m) => text(m, 8)],
  84: ["BINSTRING", (m) => oldText(m, 4)],
  85: ["SHORT_BINSTRING", (m) => oldText(m, 1)],
  66: ["BINBYTES", (m) => bytes(m, 4)],
  67: ["SHORT_BINBYTES", (m) => bytes(m, 1)],
  142: ["BINBYTES8", (m) => bytes(m, 8)],
  93: ["EMPTY_LIST", (m) => m.push([])],
  41: ["EMPTY_TUPLE", (m) => m.push([])],
  125: ["EMPTY_DICT", (m) => m.push(new Map())],
  143: ["EMPTY_SET", (m) => m.push(new Set())],
  40: ["MARK", (m) => m.mark()],
  116: ["TUPLE", (m) => m.push(m.popToMark())],
  108: ["LIST", (m) => m.push(m.popToMark())],
  100: [
    "DICT",
    (m) => {
      const items = m.popToMark();
      m.push(new Map());
      setItems(m.top(), items);
    },
  ],
  133: ["TUPLE1", (m) => tuple(m, 1)],
  134: ["TUPLE2", (m) => tuple(m, 2)],
  135: ["TUPLE3", (m) => tuple(m, 3)],
  97: ["APPEND", (m) => append(m, [m.pop()])],
  101: ["APPENDS", (m) => append(m, m.popToMark())],
  144: ["ADDITEMS", (m) => addItems(m, m.popToMark())],
  115: [
    "SETITEM",
    (m) => {
      const value = m.pop();
      const key = m.pop();
      setItems(m.top(), [key, value]);
    },
  ],
  117: [
    "SETITEMS",
    (m) => {
      const items = m.popToMark();
      setItems(m.top(), items);
    },
  ],
  48: ["POP", (m) => void m.pop()],
  49: ["POP_MARK", (m) => void m.popToMark()],
  50: ["DUP", (m) => m.push(m.top())],
  113: ["BINPUT", (m) => m.put(m.unsigned(1))],
  114: ["LONG_BINPUT", (m) => m.put(m.unsigned(4))],
  148: ["MEMOIZE", (m) => m.memoize()],
  104: ["BINGET", (m) => m.get(m.unsigned(1))],
  106: ["LONG_BINGET", (m) => m.get(m.unsigned(4))],
  99: ["GLOBAL", (m) => m.global(m.line(), m.line())],
  147: [
    "STACK_GLOBAL",
    (m) => {
      const name = m.pop();
      const module = m.pop();
      if (typeof module !== "string" || typeof name !== "string") throw new PickleArgumentError("must name a global");
      m.global(module, name);
    },
  ],
  82: ["REDUCE", (m) => call(m)],
  129: ["NEWOBJ", (m) => call(m)],
  98: ["BUILD", (m) => build(m)],
  81: ["BINPERSID", (m) => m.push(m.persistent(m.pop()))],
};

function checkProtocol(protocol: number): void {
  if (protocol > 5) throw new PickleArgumentError(`must be of protocol 5 or less; got ${protocol}`);
}

function call(m: MachineInterface): void {
  const args = m.pop();
  const callable = m.pop();
  if (!Array.isArray(args)) throw new PickleArgumentError("must give its arguments as a tuple");
  if (!isGlobal(callable)) throw new PickleArgumentError("calls a value that is not a function");
  const build = callable.call ?? m.refuseCall(`a call of ${callable.name}`);
  m.push(build(args));
}

/** Sets attributes. The attributes of a dictionary are the versions of a state dict's modules, which are not needed here. */
function build(m: MachineInterface): void {
  const state = m.pop();
  const target = m.top();
  if (!(target instanceof Map)) throw new PickleArgumentError("may set the attributes of dictionaries only");
  if (target instanceof Namespace && state instanceof Map) {
    for (const [key, value] of state) setItems(target, [key, value]);
  }
}

function append(m: MachineInterface, values: readonly PickleValue[]): void {
  const target = m.top();
  if (!Array.isArray(target)) throw new PickleArgumentError("appends to a value that is not a list");
  for (const value of values) target.push(value);
}

function addItems(m: MachineInterface, values: readonly PickleValue[]): void {
  const target = m.top();
  if (!(target instanceof Set)) throw new PickleArgumentError("adds to a value that is not a set");
  for (const value of values) target.add(value);
}

function setItems(target: PickleValue, items: readonly PickleValue[]): void {
  if (!(target instanceof Map)) throw new PickleArgumentError("sets an item of a value that is not a dictionary");
  // State dicts have no tuples as keys. A map would compare them by identity.
  if (items.some((key, i) => i % 2 === 0 && key !== null && typeof key === "object")) {
    throw new PickleArgumentError("has a key that is neither text nor a number");
  }
  if (items.length % 2 !== 0) throw new PickleArgumentError("gives a key without a value");
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (target.has(key)) throw new PickleArgumentError(`gives the key ${printable(String(key))} twice`);
    target.set(key, items[i + 1]);
  }
}

const isGlobal = (value: PickleValue): value is PickleGlobal =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "global";

/** Little-endian two's complement of any length; a number where that is exact, else a bigint. */
function longInteger(digits: Uint8Array): number | bigint {
  if (digits.length === 0) return 0;
  const hexadecimal = Buffer.from(digits).reverse().toString("hex");
  const value = BigInt.asIntN(8 * digits.length, BigInt(`0x${hexadecimal}`));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const bigEndianFloat = (eight: Uint8Array): number => new DataView(eight.buffer, eight.byteOffset).getFloat64(0);

export function decodeText(utf8: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(utf8);
  } catch {
    throw new PickleArgumentError("has text that is not UTF-8");
  }
}

/** A name from a file, shortened and escaped for messages. */
export const printable = (name: string): string => JSON.stringify(name.slice(0, 200)).slice(1, -1);
