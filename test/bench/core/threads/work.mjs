// What the threads of both pools run.
export const one = () => 1;
export const echo = (payload) => payload;
