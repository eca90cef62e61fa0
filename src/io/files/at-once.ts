/** System calls of a file system that one caller has under way. */
const AT_ONCE = 16;

/**
 * Does something for each item, so many at a time. After a fault nothing more is begun; what was begun is waited for, and
 * then the first fault is thrown.
 */
export async function forEach<T>(items: readonly T[], run: (item: T, index: number) => Promise<void>): Promise<void> {
  let at = 0;
  const worker = async () => {
    try {
      while (at < items.length) {
        const index = at++;
        await run(items[index]!, index);
      }
    } catch (error) {
      at = items.length;
      throw error;
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
