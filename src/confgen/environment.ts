/** Environment variables as Calico's components read them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** With CALICO_ before it the variable comes first, as in Calico; an empty one counts as unset. */
export function calicoVariable(environment: Environment, name: string): string | undefined {
  return environment[`CALICO_${name}`] || environment[name] || undefined;
}

/** True as Go's strconv.ParseBool has it. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && ["1", "t", "T", "true", "TRUE", "True"].includes(text);
}
