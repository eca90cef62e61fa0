/**
 * Reserves zeroed words of address space for a table that may grow to its bound. The pages cost memory only once they
 * are touched, so rows never move and never need copying. Where the system refuses the reservation (strict
 * overcommit), half of it is tried, and so on: the table's bound is then what could be had.
 */
export function reserveWords(words: number, least = 1024): Int32Array {
  for (let wanted = Math.max(words, least); ; wanted = Math.max(least, wanted >>> 1)) {
    try {
      return new Int32Array(wanted);
    } catch (error) {
      if (wanted === least) throw error;
    }
  }
}
