/** Reads a variable that the fleet's description always gives to a task. @throws Error when it does not */
export function given(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is missing: tasks are run by ./flotilla up`);
  return value;
}
