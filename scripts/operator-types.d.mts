/** Path of native/operators.schema. */
export declare const SCHEMA_FILE: string;

/** Path of src/tensor/operator-types.ts. */
export declare const TYPES_FILE: string;

/**
 * The text of {@link TYPES_FILE} for a text of {@link SCHEMA_FILE}.
 *
 * @throws Error a line is no schema, or an argument has a type that the engine does not convert
 */
export declare function operatorTypes(text: string): string;
