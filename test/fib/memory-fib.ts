import type { Fib } from "../../src/fib/fib.ts";
import { createKernelFib, type KernelFibOptions } from "../../src/fib/kernel-fib.ts";
import { createMemoryKernel, type MemoryKernel } from "./memory-kernel.ts";

/** A Fib on a kernel in memory, for simulations: the same engine and the same messages, only the sockets are missing. */
export function createMemoryFib(options: KernelFibOptions): { readonly fib: Fib; readonly kernel: MemoryKernel } {
  const kernel = createMemoryKernel(options.clock);
  const fib = createKernelFib({ maxPrefixes: 65_536, ...options }, kernel);
  kernel.attach(fib);
  fib.start();
  return { fib, kernel };
}
