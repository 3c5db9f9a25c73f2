import type { DifferenceLine } from '../../../config/edits/servers-file-edits.ts';
import type { Actor, AuditTrail } from '../../audit-trail.ts';

/** A line of the audit log cuts what is longer, and takes so many lines of a list. */
const MAX_CHARACTERS = 90;
const MAX_LINES = 30;

const MARKS = { added: '+', removed: '-', same: ' ', gap: ' ' } as const;

/** Records a change of the servers file with its whole difference, which is without secrets, in as many events as it takes. */
export function recordEdit(
  audit: AuditTrail,
  actor: Actor,
  action: 'add_server' | 'edit_tools',
  resource: string,
  difference: readonly DifferenceLine[],
): void {
  const changed = difference.filter(({ kind }) => kind === 'added' || kind === 'removed');
  const lines = changed.flatMap(({ kind, text }) => split(text.trim()).map((part) => `${MARKS[kind]} ${part}`));
  const parts = Math.max(1, Math.ceil(lines.length / MAX_LINES));
  for (let part = 0; part < parts; part++) {
    const some = lines.slice(part * MAX_LINES, (part + 1) * MAX_LINES);
    const details = { part: part + 1, parts, difference: some };
    audit.record(actor, { eventType: 'configuration_change', action, resource, result: 'success', details });
  }
}

/** Nothing of a long line is lost. */
function split(text: string): readonly string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length || at === 0; at += MAX_CHARACTERS) parts.push(text.slice(at, at + MAX_CHARACTERS));
  return parts;
}
