/**
 * The tool that a URL means although it does not spell the name as the server does: composed or decomposed letters
 * (Unicode Standard Annex 15), and `+` for a space, as forms have it. No two tools of a catalogue fit one such spelling.
 */
export function findBySpelling<Tool>(tools: ReadonlyMap<string, Tool>, name: string): Tool | undefined {
  for (const spelling of [name, name.replaceAll('+', ' ')]) {
    const tool = tools.get(spelling) ?? tools.get(spelling.normalize('NFC')) ?? tools.get(spelling.normalize('NFD'));
    if (tool !== undefined) return tool;
  }
  return undefined;
}
