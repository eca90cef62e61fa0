/** `00:01:02` under a day, `3d04h` from then on (`812d` beyond 100 days). */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  if (days >= 100) return `${days}d`;
  const hours = Math.floor((whole % 86_400) / 3600);
  if (days > 0) return `${days}d${two(hours)}h`;
  return `${two(hours)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
}

/** In words, for sentences: `12 s`, `4 min`, `3 h`, `5 days`. */
export function inWords(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
