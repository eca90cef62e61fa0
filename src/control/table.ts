/** Tables for people: no boxes, two spaces between columns, numbers to the right, upper-case headings. */

export type Colour = "green" | "yellow" | "red";

export interface Column<T> {
  readonly heading: string;
  readonly value: (row: T) => string;
  readonly align?: "left" | "right";
  /** Columns leave in the order of this number, the lowest first, when the table is too wide; without it they stay. */
  readonly drop?: number;
  /** May be cut to this many characters, with an ellipsis, before any column leaves. */
  readonly shrink?: number;
  /** Absent when no row has a value. */
  readonly optional?: boolean;
  readonly colour?: (row: T) => Colour | undefined;
}

export interface TableStyle {
  /** Columns of the terminal; undefined: as wide as it gets. */
  readonly width: number | undefined;
  readonly headings: boolean;
  readonly colour: boolean;
}

const GUTTER = 2;
const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33 };

interface Laid<T> {
  readonly column: Column<T>;
  readonly cells: readonly string[];
  width: number;
}

/** Lines without line ends. Wider than `width` only where the columns that never leave are. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[], style: TableStyle): string[] {
  const all = columns.map((column) => lay(column, rows, style.headings));
  const laid = fit(
    all.filter(({ column, cells }) => !column.optional || cells.some((cell) => cell !== "")),
    style.width,
  );
  const lines: string[] = [];
  if (style.headings) lines.push(line(laid, (l) => align(l, l.column.heading)));
  for (const [i, row] of rows.entries()) {
    lines.push(
      line(laid, (l) => {
        const text = align(l, cut(l.cells[i]!, l.width));
        const colour = style.colour ? l.column.colour?.(row) : undefined;
        return colour === undefined ? text : `\u001b[${CODES[colour]}m${text}\u001b[0m`;
      }),
    );
  }
  return lines;
}

function lay<T>(column: Column<T>, rows: readonly T[], headings: boolean): Laid<T> {
  const cells = rows.map((row) => oneLine(column.value(row)));
  const width = cells.reduce((most, cell) => Math.max(most, cell.length), headings ? column.heading.length : 0);
  return { column, cells, width };
}

/** What a peer sent may hold control characters; none reaches a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
}

function fit<T>(laid: Laid<T>[], width: number | undefined): Laid<T>[] {
  if (width === undefined) return laid;
  let left = laid;
  for (;;) {
    const excess = total(left) - width;
    if (excess <= 0) return left;
    const spare = left.reduce((sum, l) => sum + slack(l), 0);
    const leaving = left.reduce<Laid<T> | undefined>(
      (first, l) =>
        l.column.drop !== undefined && l.column.drop < (first?.column.drop ?? Number.POSITIVE_INFINITY) ? l : first,
      undefined,
    );
    if (spare >= excess || leaving === undefined) {
      shrink(left, excess);
      return left;
    }
    left = left.filter((l) => l !== leaving);
  }
}

function total<T>(laid: readonly Laid<T>[]): number {
  return laid.reduce((sum, l) => sum + l.width, GUTTER * Math.max(0, laid.length - 1));
}

function slack<T>(laid: Laid<T>): number {
  return laid.column.shrink === undefined ? 0 : Math.max(0, laid.width - laid.column.shrink);
}

/** Takes from the column that has most to give, character by character in effect. */
function shrink<T>(laid: readonly Laid<T>[], excess: number): void {
  for (let left = excess; left > 0; ) {
    const widest = laid.reduce((most, l) => (slack(l) > slack(most) ? l : most), laid[0]!);
    const take = Math.min(left, slack(widest));
    if (take === 0) return;
    widest.width -= take;
    left -= take;
  }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function align<T>(laid: Laid<T>, text: string): string {
  return laid.column.align === "right" ? text.padStart(laid.width) : text.padEnd(laid.width);
}

function line<T>(laid: readonly Laid<T>[], cell: (l: Laid<T>) => string): string {
  return laid.map(cell).join(" ".repeat(GUTTER)).trimEnd();
}
