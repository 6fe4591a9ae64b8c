/** Does work on items, some at a time, and gives what comes of it in the order of the items. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  atATime: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const begun: Promise<R>[] = [];
  for (const item of items) {
    const one = work(item);
    // It is waited for later, and its failure is heard then, or not at all where an earlier one ended the loop.
    one.catch(() => {});
    begun.push(one);
    if (begun.length === atATime) yield await begun.shift()!;
  }
  for (const one of begun) yield await one;
}
