/**
 * Version of everything between a picture's bytes and its answer: decode, resize, normalise, softmax, top-k, the
 * confidence rule. Raise it by hand with every change that gives some picture another answer, or stored answers of the
 * old code are served for the new one.
 */
export const PREPROCESSING_VERSION = 1
