/** The tensors of a safetensors file, in double precision. */

/** @typedef {{shape: number[], values: Float64Array}} Weight */

/** @param {Uint8Array} bytes @returns {Map<string, Weight>} float16 and float32 tensors by name, and those of 8 bits times their scales */
export function readWeights(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const found = new Map();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = offsets.map((/** @type {number} */ offset) => 8 + size + offset);
    const values = new Float64Array(shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1));
    const width = (end - start) / values.length;
    if (dtype === "F16") for (let i = 0; i < values.length; i++) values[i] = half(view.getUint16(start + i * width, true));
    else if (dtype === "F32") for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(start + i * width, true);
    else if (dtype === "I8") for (let i = 0; i < values.length; i++) values[i] = view.getInt8(start + i);
    else continue;
    found.set(name, { shape, values });
  }
  for (const [name, { values, shape }] of found) {
    const scales = found.get(`${name}.scales`);
    if (!scales) continue;
    const row = values.length / shape[0];
    values.forEach((/** @type {number} */ code, /** @type {number} */ i) => { values[i] = code * scales.values[Math.floor(i / row)]; });
    found.delete(`${name}.scales`);
  }
  return found;
}

/** IEEE 754 half precision. */
function half(/** @type {number} */ bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
