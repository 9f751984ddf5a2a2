/**
 * onnxruntime-web, whichever build suits this browser.
 *
 * Where there is a graphics processor for WebGPU and the browser can wait for it inside WebAssembly (JSPI), the build
 * with both; elsewhere the smaller one. It runs in one thread: these models are too small to share, and a page needs no
 * special headers for it.
 */

/** @typedef {typeof import("onnxruntime-web")} Ort */

const BUILDS = {
  webgpu: { module: "vendor/ort.jspi.bundle.min.mjs", wasm: "vendor/ort-wasm-simd-threaded.jspi.wasm.bin" },
  wasm: { module: "vendor/ort.wasm.bundle.min.mjs", wasm: "vendor/ort-wasm-simd-threaded.wasm.bin" },
};

/**
 * @param {import("./store.js").Store} store @param {import("./store.js").Report} report
 * @returns {Promise<{ort: Ort, graphics: boolean}>} `graphics`: whether WebGPU can be used
 */
export async function start(store, report) {
  const graphics = await hasGraphics();
  const build = graphics ? BUILDS.webgpu : BUILDS.wasm;
  const packed = await store.bytes(build.wasm, report);
  const ort = /** @type {Ort} */ (await import(new URL(build.module, store.base).href));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(packed);
  ort.env.logLevel = "error";
  return { ort, graphics };
}

async function hasGraphics() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu || !("Suspending" in WebAssembly)) return false;
  try {
    return Boolean(await gpu.requestAdapter());
  } catch {
    return false; // a browser that offers WebGPU and then refuses it
  }
}

/** Unpacks gzip. @param {Uint8Array} bytes @returns {Promise<ArrayBuffer>} */
async function unpacked(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).arrayBuffer();
}
