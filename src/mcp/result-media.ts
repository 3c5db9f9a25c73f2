/** Longest first part of a file that any of the signatures needs. */
const HEAD_BYTES = 64;

/** Signatures of the image types that every browser shows and none runs (WHATWG MIME Sniffing, section 6.1; AVIF, section 4). */
const imageSignatures: readonly (readonly [type: string, matches: (head: Buffer) => boolean])[] = [
  ['image/png', (head) => begins(head, '\x89PNG\r\n\x1a\n')],
  ['image/jpeg', (head) => begins(head, '\xff\xd8\xff')],
  ['image/gif', (head) => begins(head, 'GIF87a') || begins(head, 'GIF89a')],
  ['image/webp', (head) => begins(head, 'RIFF') && begins(head, 'WEBP', 8)],
  ['image/avif', (head) => begins(head, 'ftyp', 4) && hasAvifBrand(head)],
  ['image/bmp', (head) => begins(head, 'BM') && hasBitmapHeader(head)],
];

/** No `+`: browsers take whatever ends in `+xml` for a document. */
const AUDIO_TYPE = /^audio\/[a-z0-9][a-z0-9.-]{0,60}$/;

/** The bytes of an image or audio. */
export interface ResultFile {
  readonly bytes: Buffer;
  /** The media type under which a browser may show it; `undefined` if it may only be downloaded. */
  readonly displayType: string | undefined;
}

export type KeepFile = (file: ResultFile) => string | undefined;

/** Where the bytes are: at the URL under which they are kept, else in the URL itself. */
export function toMediaUrl(mimeType: unknown, base64: string, keepFile: KeepFile | undefined): string {
  const url = keepFile === undefined ? undefined : keep(mimeType, base64, keepFile);
  return url ?? toDataUri(mimeType, base64);
}

function keep(mimeType: unknown, base64: string, keepFile: KeepFile): string | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === 0 ? undefined : keepFile({ bytes, displayType: displayableType(bytes, mimeType) });
}

export function toDataUri(mimeType: unknown, base64: string): string {
  return `data:${typeof mimeType === 'string' ? mimeType : 'application/octet-stream'};base64,${base64}`;
}

/**
 * The type under which bytes of a server may be shown in a browser, or `undefined` if they may only be downloaded.
 * Images are known by their bytes, whatever the server claims; of audio, which no browser runs, the claim is believed.
 */
export function displayableType(bytes: Buffer, claimed: unknown): string | undefined {
  const image = imageType(bytes);
  if (image !== undefined || typeof claimed !== 'string') return image;
  const type = claimed.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return AUDIO_TYPE.test(type) ? type : undefined;
}

/** The image type that the bytes themselves show: PNG, JPEG, GIF, WebP, AVIF or BMP. */
export function imageType(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, HEAD_BYTES);
  return imageSignatures.find(([, matches]) => matches(head))?.[0];
}

function begins(head: Buffer, signature: string, offset = 0): boolean {
  return head.toString('latin1', offset, offset + signature.length) === signature;
}

/** The major brand or one of the compatible ones (ISO/IEC 14496-12, section 4.3). */
function hasAvifBrand(head: Buffer): boolean {
  const end = Math.min(head.readUInt32BE(0), head.length);
  for (let offset = 8; offset + 4 <= end; offset += 4) {
    if (offset !== 12 && (begins(head, 'avif', offset) || begins(head, 'avis', offset))) return true;
  }
  return false;
}

/** Two letters alone could begin any text: the length of the second header is looked at too. */
function hasBitmapHeader(head: Buffer): boolean {
  if (head.length < 18) return false;
  const length = head.readUInt32LE(14);
  return length >= 12 && length <= 124;
}
