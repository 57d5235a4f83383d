// Addresses at which pages of different modules meet.

/** A document opened at a chunk: the passage in its text, and where it stands on its page. */
export function chunkAddress(documentId, chunk, query = "") {
  const told = new URLSearchParams({ start: chunk.start, end: chunk.end });
  if (chunk.page) told.set("page", chunk.page);
  if (chunk.box) {
    told.set("box", ["left", "top", "right", "bottom"].map((side) => chunk.box[side].toFixed(4)).join(","));
    told.set("box_page", chunk.box.page);
  }
  if (query.trim()) told.set("q", query.trim());
  return `/documents/${documentId}?${told}`;
}
