/**
 * Reads Python's pickles of protocols 2 to 5 as far as torch.save needs them, without running any Python code. A pickle is a
 * program for a stack machine. Instructions that call Python functions may call only those that `pickle-globals.ts` lists.
 *
 * Source: https://docs.python.org/3/library/pickletools.html, and the notes on opcodes in Lib/pickletools.py.
 */
import { UsageError } from "../errors.js";
import { findGlobal, PickleArgumentError, type PickleGlobal, type PickleValue } from "./pickle-globals.js";
import { decodeText, INSTRUCTIONS, type MachineInterface, printable, STOP } from "./pickle-instructions.js";

/** Maximum number of instructions. About 60 per tensor are usual. */
const MAX_INSTRUCTIONS = 2_000_000;
/** Maximum size of a pickle, which contains names and shapes but no elements. */
export const MAX_PICKLE_BYTES = 2 ** 26;

/** Maximum memory of the values in bytes, roughly. Calls can copy a value again and again. */
const MAX_MEMORY = 2 ** 29;
/** Bytes of an entry of a list or a map, roughly. */
const ENTRY_BYTES = 64;

export interface PickleOptions {
  /** The file's name, for messages. */
  readonly source: string;
  /** Offset of the pickle in `bytes`. */
  readonly start?: number;
  /** Resolves a persistent identifier; by default it is refused. It reports errors as {@link PickleArgumentError}s. */
  readonly persistent?: (id: PickleValue) => PickleValue;
}

const MARK = Symbol("mark");
type Slot = PickleValue | typeof MARK;

/**
 * The value of the pickle at `start`, and the position of its end.
 *
 * @throws ERR_TORCH_FILE the pickle is truncated or damaged, has an unsupported instruction, or looks up a name that
 *   tensors in plain containers do not need
 */
export function unpickle(bytes: Uint8Array, options: PickleOptions): { value: PickleValue; end: number } {
  return new Machine(bytes, options).run();
}

function sizeOf(value: PickleValue): number {
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof Map || value instanceof Set) return ENTRY_BYTES * value.size;
  return Array.isArray(value) ? ENTRY_BYTES * value.length : 0;
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: PickleOptions;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #position: number;
  #memory = 0;
  /** Position and opcode of the current instruction, for messages. */
  #opcode = 0;
  #at = 0;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
    this.#position = options.start ?? 0;
  }

  run(): { value: PickleValue; end: number } {
    for (let count = 0; ; count++) {
      this.#at = this.#position;
      this.#opcode = this.#take(1)[0];
      if (count === MAX_INSTRUCTIONS)
        this.#refuse(`has more than ${MAX_INSTRUCTIONS} instructions, which is the limit`);
      if (this.#opcode === STOP) return { value: this.#pop(), end: this.#position };
      const instruction = INSTRUCTIONS[this.#opcode];
      if (instruction === undefined) {
        const code = `0x${this.#opcode.toString(16).padStart(2, "0")}`;
        this.#refuse(`has opcode ${code}, which tensors in plain containers do not need`);
      }
      try {
        instruction[1](this.#interface);
      } catch (error) {
        if (error instanceof PickleArgumentError) this.#refuse(error.message);
        throw error;
      }
    }
  }

  /** The interface for instructions. */
  readonly #interface: MachineInterface = {
    take: (length) => this.#take(length),
    line: () => this.#line(),
    unsigned: (width) => {
      const at = this.#position;
      this.#take(width);
      if (width === 1) return this.#view.getUint8(at);
      if (width === 2) return this.#view.getUint16(at, true);
      if (width === 4) return this.#view.getUint32(at, true);
      return Number(this.#view.getBigUint64(at, true));
    },
    push: (value) => {
      this.#memory += sizeOf(value);
      if (this.#memory > MAX_MEMORY) this.#refuse(`needs more than ${MAX_MEMORY / 2 ** 20} MiB, which is the limit`);
      this.#stack.push(value);
    },
    pop: () => this.#pop(),
    mark: () => {
      this.#stack.push(MARK);
    },
    popToMark: () => {
      const mark = this.#stack.lastIndexOf(MARK);
      if (mark === -1) throw new PickleArgumentError("finds no mark on the stack");
      return this.#stack.splice(mark).slice(1) as PickleValue[];
    },
    top: () => {
      const top = this.#stack.at(-1);
      if (top === undefined || top === MARK) throw new PickleArgumentError("finds nothing on the stack");
      return top;
    },
    put: (index) => {
      this.#memo.set(index, this.#interface.top());
    },
    memoize: () => {
      this.#memo.set(this.#memo.size, this.#interface.top());
    },
    get: (index) => {
      const value = this.#memo.get(index);
      if (value === undefined) throw new PickleArgumentError(`reads entry ${index} of its memo, which does not exist`);
      this.#stack.push(value);
    },
    global: (module, name) => {
      const found = findGlobal(module, name);
      if (found === undefined) this.#refuseGlobal(`${module}.${name}`);
      this.#stack.push(found as PickleGlobal);
    },
    refuseCall: (name) => this.#refuseGlobal(name),
    persistent: (id) => {
      const { persistent } = this.#options;
      if (persistent === undefined) throw new PickleArgumentError("has a persistent identifier where none is allowed");
      return persistent(id);
    },
  };

  #take(length: number): Uint8Array {
    const end = this.#position + length;
    if (end > this.#bytes.length) {
      this.#refuse("reaches beyond the end of the file, which is truncated or damaged");
    }
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    // Names are short. A missing line break must not make the whole file a name.
    const length = end === -1 ? Number.POSITIVE_INFINITY : end - this.#position;
    if (length > 1000) throw new PickleArgumentError("has a name of more than 1000 bytes");
    const text = decodeText(this.#take(length));
    this.#position += 1;
    return text;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) this.#refuse("finds nothing on the stack");
    return value as PickleValue;
  }

  #refuse(rule: string): never {
    const name = INSTRUCTIONS[this.#opcode]?.[0];
    const where = `byte ${this.#at} of its pickle${name === undefined ? "" : `, opcode ${name},`}`;
    throw new UsageError("ERR_TORCH_FILE", `${this.#options.source}: ${where} ${rule}.`);
  }

  #refuseGlobal(name: string): never {
    this.#refuse(
      `uses ${printable(name)}, which tensors in plain containers do not need. Code of a file is never run. ` +
        "If you trust the file, write only its weights in Python: " +
        'torch.save(torch.load(FILE, weights_only=False)["state_dict"], NEW_FILE), where "state_dict" is the entry that holds them; for a whole model, torch.save(torch.load(FILE, weights_only=False).state_dict(), NEW_FILE)',
    );
  }
}
