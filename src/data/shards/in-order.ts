/** Works on several items at the same time, and yields the results in the order of the items. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  atATime: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const begun: Promise<R>[] = [];
  for (const item of items) {
    const one = work(item);
    // A failure is handled where the result is awaited, or ignored where an earlier failure has ended the loop.
    one.catch(() => {});
    begun.push(one);
    if (begun.length === atATime) yield await begun.shift()!;
  }
  for (const one of begun) yield await one;
}
