/**
 * Matrix times vector in WebAssembly, four numbers at a time: what a loop over samples is made of.
 *
 * JavaScript has no vector instructions, and a runtime's session costs more than a product of this size. The function is
 * assembled here from its instructions rather than shipped as bytes that nobody can read. Sums are in single precision.
 */

/** Whole numbers as WebAssembly writes them (LEB128). */
function leb(/** @type {number} */ value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

const [W, X, Y, ROWS, STRIDE, AT, W1, W2, W3, FOUR, A] = Array(11).keys(); // parameters (to STRIDE), then locals
const get = (/** @type {number} */ local) => [0x20, local];
const set = (/** @type {number} */ local) => [0x21, local];
const number = (/** @type {number} */ value) => [0x41, ...leb(value)]; // below 64: larger ones would read as negative
const ADD = [0x6a], SUBTRACT = [0x6b], MULTIPLY = [0x6c], LESS = [0x49], LOOP = [0x03, 0x40], AGAIN_IF = [0x0d, 0], END = [0x0b];
const LOAD = [0x2a, 2, 0], STORE = [0x38, 2, 0], F32_ADD = [0x92];
const V128_LOAD = [0xfd, ...leb(0x00), 0, 0], V128_ZERO = [0xfd, ...leb(0x0c), ...Array(16).fill(0)];
const V128_ADD = [0xfd, ...leb(0xe4)], V128_MULTIPLY = [0xfd, ...leb(0xe6)];
const lane = (/** @type {number} */ i) => [0xfd, ...leb(0x1f), i];

/** y[0 .. rows] += weights (rows, stride / 4) @ x: rows and stride / 4 are multiples of 4, all but ROWS are in bytes. */
function code() {
  const pointers = [W, W1, W2, W3], sums = [A, A + 1, A + 2, A + 3];
  const next = (/** @type {number} */ local, /** @type {number[]} */ by) => [...get(local), ...by, ...ADD, ...set(local)];
  const product = (/** @type {number} */ k) => [
    ...get(sums[k]), ...get(pointers[k]), ...get(AT), ...ADD, ...V128_LOAD,
    ...get(X), ...get(AT), ...ADD, ...V128_LOAD, ...V128_MULTIPLY, ...V128_ADD, ...set(sums[k]),
  ]; // prettier-ignore
  const store = (/** @type {number} */ k) => [
    ...get(Y), ...get(Y), ...LOAD, ...get(sums[k]), ...lane(0), ...get(sums[k]), ...lane(1), ...F32_ADD,
    ...get(sums[k]), ...lane(2), ...get(sums[k]), ...lane(3), ...F32_ADD, ...F32_ADD, ...F32_ADD, ...STORE,
    ...next(Y, number(4)),
  ]; // prettier-ignore
  return [
    ...get(STRIDE), ...number(4), ...MULTIPLY, ...set(FOUR),
    ...get(W), ...get(STRIDE), ...ADD, ...set(W1),
    ...get(W1), ...get(STRIDE), ...ADD, ...set(W2),
    ...get(W2), ...get(STRIDE), ...ADD, ...set(W3),
    ...LOOP, // over four rows at a time
    ...sums.flatMap((sum) => [...V128_ZERO, ...set(sum)]),
    ...number(0), ...set(AT),
    ...LOOP, // along them
    ...[0, 1, 2, 3].flatMap(product),
    ...next(AT, number(16)),
    ...get(AT), ...get(STRIDE), ...LESS, ...AGAIN_IF,
    ...END,
    ...[0, 1, 2, 3].flatMap(store),
    ...pointers.flatMap((pointer) => next(pointer, get(FOUR))),
    ...get(ROWS), ...number(4), ...SUBTRACT, ...set(ROWS),
    ...number(0), ...get(ROWS), ...LESS, ...AGAIN_IF,
    ...END,
    ...END,
  ]; // prettier-ignore
}

function assembled() {
  const section = (/** @type {number} */ id, /** @type {number[]} */ body) => [id, ...leb(body.length), ...body];
  const name = (/** @type {string} */ text) => [text.length, ...new TextEncoder().encode(text)];
  const locals = [2, 5, 0x7f, 4, 0x7b]; // AT to FOUR are i32, the four sums v128
  const body = [...locals, ...code()];
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]), // one type: five i32, nothing back
    ...section(2, [1, ...name("m"), ...name("m"), 2, 0, 1]), // the memory comes from outside
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("f"), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]); // prettier-ignore
}

const even = (/** @type {number} */ size) => Math.ceil(size / 4) * 4;

/** @typedef {{at: number, rows: number, size: number}} Matrix in the kernel's memory */

/** Matrices and vectors in one memory, and their products. */
export class Kernel {
  /** @param {number} floats how many numbers will be placed in it, at most */
  constructor(floats) {
    this.memory = new WebAssembly.Memory({ initial: Math.ceil((floats * 4) / 65536) });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(assembled()), { m: { m: this.memory } });
    this.product = /** @type {(w: number, x: number, y: number, rows: number, stride: number) => void} */ (instance.exports.f);
    this.end = 0;
  }

  /** How many numbers a matrix takes. @param {number} rows @param {number} size */
  static room(rows, size) {
    return even(rows) * even(size);
  }

  /** A vector of zeros. @param {number} size @returns {Float32Array<ArrayBuffer>} */
  vector(size) {
    const found = new Float32Array(this.memory.buffer, this.end, size);
    this.end += even(size) * 4;
    return found;
  }

  /** @param {Float64Array} values (rows, size) @param {number} rows @param {number} size @returns {Matrix} */
  matrix(values, rows, size) {
    const wide = even(size), placed = this.vector(Kernel.room(rows, size));
    for (let row = 0; row < rows; row++) placed.set(values.subarray(row * size, (row + 1) * size), row * wide);
    return { at: placed.byteOffset, rows: even(rows), size: wide };
  }

  /** y += matrix @ x. @param {Matrix} matrix @param {Float32Array} x @param {Float32Array} y both of this kernel */
  multiply(matrix, x, y) {
    this.product(matrix.at, x.byteOffset, y.byteOffset, matrix.rows, matrix.size * 4);
  }
}
