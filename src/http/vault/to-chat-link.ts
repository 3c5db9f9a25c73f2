/** Ids of chats that Open WebUI stores; one of a temporary chat leads nowhere. */
const CHAT_ID = /^[A-Za-z0-9][\w-]{0,63}$/;

/**
 * The address of a chat in Open WebUI, or of Open WebUI itself where the chat is not known. `undefined` if it is not known
 * where users reach it. The id is what a caller has sent.
 */
export function toChatLink(openWebUiPublicUrl: string | undefined, chatId: string | undefined): string | undefined {
  if (openWebUiPublicUrl === undefined) return undefined;
  return chatId !== undefined && CHAT_ID.test(chatId) ? `${openWebUiPublicUrl}/c/${chatId}` : `${openWebUiPublicUrl}/`;
}
