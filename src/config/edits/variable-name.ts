/** A name as user variables have it: `X-API-Key` as `X_API_KEY`; one that is possible stays as it is. */
export function toVariableName(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
  const name = text.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
  return (/^[A-Za-z]/.test(name) ? name : `V_${name}`).toUpperCase();
}
