/**
 * The tool that a URL means although it does not spell the name as the server does: composed or decomposed letters
 * (Unicode Standard Annex 15), and `+` for a space, as forms have it. No two tools of a catalogue fit one such spelling.
 */
export function findBySpelling<Tool>(tools: ReadonlyMap<string, Tool>, name: string): Tool | undefined {
  const exact = tools.get(name);
  if (exact !== undefined) return exact;
  for (const spelling of spellingsOf(name)) {
    const tool = tools.get(spelling) ?? tools.get(spelling.normalize('NFC')) ?? tools.get(spelling.normalize('NFD'));
    if (tool !== undefined) return tool;
  }
  return undefined;
}

/** The names that a tool found by this name may have, apart from composed or decomposed letters. */
export function spellingsOf(name: string): readonly string[] {
  return name.includes('+') ? [name, name.replaceAll('+', ' ')] : [name];
}
