/** Values that only calls to Python have. Python names this file where it makes one: see `format.py`. */
import { REDUCE, type Reduced } from "../protocol/codec-brands.ts";

const MODULE = "mobula-own:api/python-values";

/** Arrays of numbers of one type. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** An array of several dimensions: numpy's `ndarray`, when it comes from Python or goes there. */
export class NdArray<Data extends NumberArray = NumberArray> {
  /** Its elements, those of the last dimension beside each other. */
  readonly data: Data;
  /** Length of each dimension: `[rows, columns]`. */
  readonly shape: readonly number[];

  /** @throws RangeError when `shape` is not for as many elements as `data` has */
  constructor(data: Data, shape: readonly number[]) {
    const count = shape.reduce((product, length) => product * length, 1);
    if (count !== data.length) {
      throw new RangeError(`The shape [${shape.join(", ")}] is of ${count} elements, and the array has ${data.length}`);
    }
    this.data = data;
    this.shape = [...shape];
  }
}

reduceBy(NdArray, ({ data, shape }) => ({ specifier: MODULE, imported: "ndArray", args: [data, shape] }));

/** Arguments by name, for a function in Python; see `py.kwargs`. */
export class PythonKwargs {
  readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values;
  }
}

reduceBy(PythonKwargs, ({ values }) => ({ specifier: MODULE, imported: "pythonKwargs", args: [values] }));

/**
 * In arguments that travel, in place of a ref inside another value: what the ref stands for is the argument of this index,
 * behind those of the call.
 */
export class InnerValue {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

export const reduceInner = (index: number): Reduced => ({ specifier: MODULE, imported: "innerValue", args: [index] });
reduceBy(InnerValue, ({ index }) => reduceInner(index));

/** Objects of the class say how they travel; not in its type, where the symbol would have to be public. */
function reduceBy<Instance>(type: { readonly prototype: Instance }, describe: (value: Instance) => Reduced): void {
  Object.defineProperty(type.prototype, REDUCE, {
    value(this: Instance) {
      return describe(this);
    },
  });
}

/** How such values are made again; the names are part of the format. */
export function ndArray(data: NumberArray, shape: readonly number[]): NdArray {
  return new NdArray(data, shape);
}

export function pythonKwargs(values: Readonly<Record<string, unknown>>): PythonKwargs {
  return new PythonKwargs(values);
}

export function innerValue(index: number): InnerValue {
  return new InnerValue(index);
}
