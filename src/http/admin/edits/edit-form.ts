import { UnsupportedMediaTypeError } from '../../../errors.ts';
import type { PageVisit } from '../../pages/page-visit.ts';
import { readBody } from '../../tool-call/read-body.ts';
import type { PageAccess, PageSession } from '../../vault/page-access.ts';

/** A `server.json` has some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/**
 * What a form with a file sends, from a page of ours; a file counts as the text of its field. Rejects with
 * `ForbiddenError`, `UnsupportedMediaTypeError`, and as `readBody` does.
 */
export async function readFileForm(
  { request }: PageVisit,
  session: PageSession,
  access: Pick<PageAccess, 'assertOwnForm'>,
): Promise<URLSearchParams> {
  const type = request.headers['content-type'] ?? '';
  const isMultipart = /^\s*multipart\/form-data\s*;/i.test(type);
  if (!isMultipart && !/^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw new UnsupportedMediaTypeError('This URL accepts only the forms of its page.');
  }
  const body = await readBody(request, MAX_BYTES);
  const form = isMultipart ? await readParts(body, type) : new URLSearchParams(body.toString('utf8'));
  access.assertOwnForm(request, session, form.get('form_token'));
  return form;
}

async function readParts(body: Buffer, type: string): Promise<URLSearchParams> {
  const form = new URLSearchParams();
  for (const [name, value] of await parse(body, type)) {
    const text = typeof value === 'string' ? value : await value.text();
    if (text !== '' || !form.has(name)) form.set(name, text);
  }
  return form;
}

async function parse(body: Buffer, type: string): Promise<FormData> {
  try {
    return await new Response(body, { headers: { 'Content-Type': type } }).formData();
  } catch (error) {
    throw new UnsupportedMediaTypeError('The form cannot be read.', { cause: error });
  }
}
