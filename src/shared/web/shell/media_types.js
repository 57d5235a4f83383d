// Short names of what documents are.
import { hasWord, t } from "/shell/words.js";

const NAMES = {
  "application/pdf": "PDF",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "XLSX",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PPTX",
  "application/vnd.ms-excel.sheet.binary.macroenabled.12": "XLSB",
  "application/msword": "DOC",
  "application/vnd.ms-excel": "XLS",
  "application/vnd.ms-powerpoint": "PPT",
  "application/x-hwp": "HWP",
  "application/hwp+zip": "HWPX",
  "application/vnd.oasis.opendocument.text": "ODT",
  "application/vnd.oasis.opendocument.spreadsheet": "ODS",
  "application/vnd.oasis.opendocument.presentation": "ODP",
  "application/epub+zip": "EPUB",
  "application/rtf": "RTF",
  "application/zip": "ZIP",
  "message/rfc822": "EML",
  "multipart/related": "MHTML",
  "application/vnd.ms-outlook": "MSG",
  "text/html": "HTML",
  "text/markdown": "Markdown",
  "text/csv": "CSV",
  "text/tab-separated-values": "TSV",
  "application/json": "JSON",
  "application/jsonl": "JSON Lines",
  "application/x-ipynb+json": "Notebook",
  "application/xml": "XML",
};

const SPOKEN = ["text/plain", "image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif"];

/** Everything that is read, as [type, name] in the order of the names. */
export const allTypes = () => [...Object.keys(NAMES), ...SPOKEN].map((type) => [type, typeName(type)]).sort(([, a], [, b]) => a.localeCompare(b));

export function typeName(mediaType) {
  if (hasWord(`type.${mediaType}`)) return t(`type.${mediaType}`);
  return NAMES[mediaType] ?? (mediaType ? mediaType.split("/").pop().toUpperCase() : "–");
}
