// What the stream told of documents: newer than every answer that was on its way while it was told.
const MOST = 500; // More than change while one answer is on its way.
const told = new Map();

/** Keeps the document as the stream told it just now. */
export function keepTold(document) {
  told.delete(document.id);
  told.set(document.id, { document, at: performance.now() });
  if (told.size > MOST) told.delete(told.keys().next().value);
}

const toldSince = (since, document) => (told.get(document.id)?.at > since ? told.get(document.id).document : document);

/** The document of an answer that is asked for now, or as the stream tells it meanwhile. */
export async function newest(answer) {
  const since = performance.now();
  return toldSince(since, await answer);
}

/** The same for a page of documents. */
export async function newestOf(answer) {
  const since = performance.now();
  const page = await answer;
  return { ...page, items: page.items.map((document) => toldSince(since, document)) };
}
