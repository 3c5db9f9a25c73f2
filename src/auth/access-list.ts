import { parseUserId, type UserId, type UserProfile } from './user.ts';

/** Who may use something: the users that any of the lists names. Without a list everybody may; an empty list is a list. */
export interface AccessList {
  readonly roles?: readonly string[] | undefined;
  /** `SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`. */
  readonly users?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
}

/**
 * Whether a user is on the list. A user whose role and groups are both unknown, as after a setup link, passes a list
 * that goes by those.
 */
export function mayBeAmong(user: UserProfile, access: AccessList | undefined): boolean {
  if (access === undefined) return true;
  const isUnknown = user.role === undefined && user.groups === undefined;
  const goesByThose = [...(access.roles ?? []), ...(access.groups ?? [])].length > 0;
  return (isUnknown && goesByThose) || isAmong(access, user);
}

/** The same for a caller whose role and groups are all known; one who is not a user passes without a list only. */
export function isAmong({ roles, users, groups }: AccessList, user: UserProfile | undefined): boolean {
  if (roles === undefined && users === undefined && groups === undefined) return true;
  if (user === undefined) return false;
  return (
    (user.role !== undefined && roles?.includes(user.role) === true) ||
    users?.some((text) => (user.identities ?? [user]).some((one) => isUser(text, one))) === true ||
    (groups !== undefined && user.groups?.some((group) => groups.includes(group)) === true)
  );
}

function isUser(text: string, { issuer, subject }: UserId): boolean {
  if (!text.endsWith(subject)) return false;
  // A name such as `urn:example` holds colons itself. In a URL the port would look like a subject.
  if (issuer.startsWith('urn:') && text === `${issuer}:${subject}`) return true;
  const user = parseUserId(text);
  return user?.issuer === issuer && user.subject === subject;
}
