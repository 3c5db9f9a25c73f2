import { imageType } from './result-media.ts';
import { isObject } from './rpc-message.ts';
import type { ToolResult } from './session.ts';

export const JSON_TYPE = 'application/json';
const MCP_TYPE = 'application/vnd.mcp+json';
const IMAGE_TYPE = /^image\/[a-z0-9][a-z0-9.+-]{0,60}$/;
const MAX_ACCEPT_CHARACTERS = 4_096;

export interface HttpAnswer {
  readonly contentType: string;
  readonly body: string | Buffer;
}

interface MediaRange {
  /** A type, or one with stars for what is left open; lower case. */
  readonly type: string;
  /** 0 to 1. */
  readonly quality: number;
}

/** The whole `CallToolResult` or the bytes of its one image, if `Accept` prefers that to JSON. */
export function preferredAnswer({ content, raw, rawText }: ToolResult, accept: string): HttpAnswer | undefined {
  const ranges = parseAccept(accept);
  const jsonQuality = qualityOf(ranges, JSON_TYPE);
  const mcpQuality = ranges.find(({ type }) => type === MCP_TYPE)?.quality ?? 0;
  if (mcpQuality > 0 && mcpQuality >= jsonQuality) {
    return { contentType: MCP_TYPE, body: rawText ?? JSON.stringify(raw) };
  }
  const image = onlyImage(content);
  if (image === undefined) return undefined;
  const named = ranges.filter(({ type }) => type !== '*/*');
  return qualityOf(named, image.contentType) > jsonQuality ? image : undefined;
}

/** Reads an `Accept` header (RFC 9110, section 12.5.1); what it does not understand is left out. */
function parseAccept(accept: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of accept.slice(0, MAX_ACCEPT_CHARACTERS).split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (!type.includes('/')) continue;
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    ranges.push({ type, quality: quality >= 0 && quality <= 1 ? quality : 0 });
  }
  return ranges;
}

/** How much a media type is wanted, by the most exact range that names it; 0 if none does. */
function qualityOf(ranges: readonly MediaRange[], mediaType: string): number {
  const group = `${mediaType.slice(0, mediaType.indexOf('/'))}/*`;
  for (const type of [mediaType, group, '*/*']) {
    const range = ranges.find((candidate) => candidate.type === type);
    if (range !== undefined) return range.quality;
  }
  return 0;
}

function onlyImage(content: readonly unknown[]): HttpAnswer | undefined {
  const images = content.filter((item) => isObject(item) && item.type === 'image');
  const [image] = images;
  if (images.length !== 1 || !isObject(image) || typeof image.data !== 'string') return undefined;
  const body = Buffer.from(image.data, 'base64');
  const claimed = typeof image.mimeType === 'string' ? image.mimeType.toLowerCase() : '';
  const contentType = imageType(body) ?? claimed;
  return IMAGE_TYPE.test(contentType) ? { contentType, body } : undefined;
}
