// A TextDecoder would do, but that of Node 20 decodes these bytes as Latin-1.
const FROM_80 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/** The character of Windows that a code from 0x80 to 0x9f was meant to be. */
export const windows1252 = (code: number): string => FROM_80[code - 0x80];
