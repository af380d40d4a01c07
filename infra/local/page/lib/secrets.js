// What must be hard to guess.

/**
 * A password that can be read aloud: four proquints (five-letter syllable pairs that each hold 16 bits), so 64 random
 * bits and 23 characters.
 */
export function passphrase() {
  const consonants = 'bdfghjklmnprstvz';
  const vowels = 'aiou';
  const word = (n) => consonants[n >> 12] + vowels[(n >> 10) & 3] + consonants[(n >> 6) & 15] + vowels[(n >> 4) & 3] + consonants[n & 15];
  return Array.from(crypto.getRandomValues(new Uint16Array(4)), word).join('-');
}

/** A key that names one attempt, however often it is sent. (No randomUUID outside a secure context.) */
export const attemptKey = () => crypto.randomUUID?.() ?? passphrase();
