import { type Finding, UNITS } from './check-compiler.ts';

/** All findings, those of units too, with places relative to the whole value, in the order in which they were made. */
export function allFindings(findings: readonly Finding[]): Finding[] {
  return findings.flatMap((finding) =>
    finding.keyword === UNITS ? within(finding, allFindings(foundIn(finding))) : [finding],
  );
}

/**
 * The findings from which a caller learns what to change: where no alternative of an `anyOf` or `oneOf` holds, those of the
 * one that came closest (by its tag, its type, then its number of findings), and one finding where all of them ask
 * for another type or another tag.
 */
export function closestFindings(findings: readonly Finding[]): Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings) {
    if (finding.keyword === UNITS) {
      for (const inner of within(finding, closestFindings(foundIn(finding)))) kept.push(inner);
    } else if (finding.keyword === 'if') {
      // The findings of "then" or "else" precede it.
    } else if (/^(anyOf|oneOf|contains|propertyNames)$/.test(finding.keyword)) {
      // The findings inside directly precede it.
      const inside: Finding[] = [];
      for (let last = kept.at(-1); last !== undefined && isInside(last, finding); last = kept.at(-1)) {
        inside.unshift(last);
        kept.pop();
      }
      for (const closest of choose(finding, inside)) kept.push(closest);
    } else kept.push(finding);
  }
  return kept;
}

function choose(whole: Finding, inside: readonly Finding[]): readonly Finding[] {
  const { keyword, params } = whole;
  if (keyword === 'contains' || (keyword === 'oneOf' && Array.isArray(params.passingSchemas))) return [whole];
  if (keyword === 'propertyNames') return [whole];
  const branches = new Map<string, Finding[]>();
  for (const finding of inside) {
    const branch = finding.schemaPath.slice(whole.schemaPath.length + 1).split('/', 1)[0] ?? '';
    const findings = branches.get(branch);
    if (findings === undefined) branches.set(branch, [finding]);
    else findings.push(finding);
  }
  let best: { readonly findings: readonly Finding[]; readonly distance: number } | undefined;
  for (const findings of branches.values()) {
    const distance = distanceOf(findings, whole.instancePath);
    if (best === undefined || distance < best.distance) best = { findings, distance };
  }
  if (best === undefined) return [whole];
  if (best.distance < OTHER_TAG) return best.findings;
  return [merged([...branches.values()].flat(), whole, best.distance)];
}

const OTHER_TAG = 1e6;
const OTHER_TYPE = 1e7;

/** A branch of another type is farther than one with another tag, and that is farther than any number of findings. */
function distanceOf(findings: readonly Finding[], place: string): number {
  const own = findings.filter(({ instancePath }) => instancePath === place);
  if (own.some(({ keyword }) => keyword === 'type')) return OTHER_TYPE;
  if (own.some(({ keyword }) => keyword === 'const' || keyword === 'enum')) return OTHER_TAG + 1;
  return findings.some((finding) => isTag(finding, place)) ? OTHER_TAG : findings.length;
}

/** A property of the value itself that has to be one of certain values. */
function isTag({ keyword, instancePath }: Finding, place: string): boolean {
  return (keyword === 'const' || keyword === 'enum') && !instancePath.slice(place.length + 1).includes('/');
}

/** One finding for all alternatives: the types that they ask for, or the values. */
function merged(findings: readonly Finding[], whole: Finding, distance: number): Finding {
  const place = whole.instancePath;
  const isValue = (finding: Finding) =>
    distance === OTHER_TAG
      ? isTag(finding, place)
      : /^(const|enum)$/.test(finding.keyword) && finding.instancePath === place;
  const [first] = findings.filter(isValue);
  if (distance < OTHER_TYPE && first !== undefined) {
    const values = findings.filter((finding) => isValue(finding) && finding.instancePath === first.instancePath);
    const allowedValues = values.flatMap(({ keyword, params }) =>
      keyword === 'const' ? [params.allowedValue] : (params.allowedValues as unknown[]),
    );
    return {
      ...first,
      keyword: 'enum',
      schemaPath: whole.schemaPath,
      params: { allowedValues: [...new Set(allowedValues)] },
    };
  }
  const types = findings.filter(({ keyword, instancePath }) => keyword === 'type' && instancePath === place);
  const type = [...new Set(types.flatMap(({ params }) => [params.type].flat()))];
  return { keyword: 'type', instancePath: place, schemaPath: whole.schemaPath, params: { type } };
}

function foundIn({ params }: Finding): readonly Finding[] {
  return params.found as readonly Finding[];
}

function within(outer: Finding, inner: readonly Finding[]): Finding[] {
  return inner.map((finding) => ({
    ...finding,
    instancePath: outer.instancePath + finding.instancePath,
    schemaPath: outer.schemaPath + finding.schemaPath.slice(1),
  }));
}

function isInside(finding: Finding, { instancePath, schemaPath }: Finding): boolean {
  const isBelow = finding.instancePath === instancePath || finding.instancePath.startsWith(`${instancePath}/`);
  return isBelow && finding.schemaPath.startsWith(`${schemaPath}/`);
}
