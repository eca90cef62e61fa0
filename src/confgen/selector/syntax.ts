/** What a selector says, before it is compiled. */
export type Condition =
  | { readonly kind: "all" }
  | { readonly kind: "has"; readonly label: string }
  | { readonly kind: Comparison; readonly label: string; readonly value: string }
  | { readonly kind: "in" | "notIn"; readonly label: string; readonly values: readonly string[] }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "and" | "or"; readonly of: readonly Condition[] };

export type Comparison = "equal" | "notEqual" | "contains" | "startsWith" | "endsWith";

/** What is wrong, and where: offset of a character. */
export interface SyntaxFault {
  readonly message: string;
  readonly at: number;
}
