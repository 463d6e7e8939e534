/** Version of this package; equal to the one in its package.json, which a test checks. */
export const VERSION = "0.1.0";
