// What the page shows of each facet. The components are the same for all of them, and take the rest from the schema.
import { kindOf, typeOf, type Kind } from "./kinds";
import type { Profile } from "./gen/types";

type Scalar = string | number | boolean;
type Members<T> = { [Name in keyof T]-?: NonNullable<T[Name]> };

/** The path of a property with a value or with a list of values, at any depth, such as `detail.company.displayName`. */
type Path<T> = {
  [Name in keyof Members<T> & string]: Members<T>[Name] extends Scalar | readonly Scalar[]
    ? Name
    : Members<T>[Name] extends readonly unknown[] ? never : `${Name}.${Path<Members<T>[Name]>}`;
}[keyof Members<T> & string];

type Items<List> = List extends { nodes: readonly (infer Item)[] } ? Item : never;

/** The fields of Profile that are facets. */
export type ListName = { [Name in keyof Profile]-?: Items<Profile[Name]> extends never ? never : Name }[keyof Profile];

/** The properties that are shown of an item, the one that names it first. TypeScript knows whether a facet is missing. */
const shown: { [Name in ListName]: Path<Items<Profile[Name]>>[] } = {
  names: ["displayName", "first", "last", "nickname", "languageTag"],
  account: ["userPrincipalName", "countryCode", "preferredLanguageTag.locale"],
  emails: ["address", "type", "displayName"],
  phones: ["number", "type", "displayName"],
  addresses: ["displayName", "detail.street", "detail.postalCode", "detail.city", "detail.countryOrRegion"],
  positions: ["detail.jobTitle", "detail.company.displayName", "detail.company.department", "detail.startMonthYear", "isCurrent"],
  projects: ["displayName", "client.displayName", "detail.role", "collaborationTags"],
  skills: ["displayName", "proficiency", "categories", "collaborationTags"],
  languages: ["displayName", "spoken", "written", "tag"],
  educationalActivities: ["program.displayName", "institution.displayName", "startMonthYear", "completionMonthYear"],
  certifications: ["displayName", "issuingAuthority", "issuedDate", "endDate"],
  awards: ["displayName", "issuingAuthority", "issuedDate", "description"],
  patents: ["displayName", "number", "isPending", "issuedDate"],
  publications: ["displayName", "publisher", "publishedDate", "webUrl"],
  interests: ["displayName", "description", "categories", "collaborationTags"],
  anniversaries: ["type", "date", "displayName"],
  notes: ["displayName", "detail.content"],
  webAccounts: ["userId", "service.name", "statusMessage", "webUrl"],
  websites: ["displayName", "webUrl", "description"],
};

export interface Field {
  path: string[];
  label: string;
  /** How it is edited; undefined if it can only be read. */
  kind: Kind | undefined;
}

export interface Facet {
  name: ListName;
  /** Such as "Web accounts". */
  title: string;
  /** The type of its items, such as `WebAccount`. */
  type: string;
  /** The field of a payload that has the item, such as `webAccount`. */
  member: string;
  fields: Field[];
}

/** Such as "Web accounts" for webAccounts, "Start" for startMonthYear and "Current" for isCurrent. */
function inWords(name: string): string {
  const words = name.replace(/MonthYear$/, "").replace(/^is(?=[A-Z])/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
  return words.charAt(0).toUpperCase() + words.slice(1).replace(/\burl\b/, "URL");
}

/** A label such as "Company" for `detail.company.displayName`: a nested object is known by its name. */
function labelOf(path: string[]): string {
  const named = path.length > 1 && ["displayName", "name"].includes(path.at(-1)!);
  return inWords(path.at(named ? -2 : -1)!);
}

export const facets: Facet[] = Object.entries(shown).map(([name, paths]) => {
  const type = typeOf(name).replace(/Connection$/, "");
  return {
    name: name as ListName,
    title: inWords(name),
    type,
    member: type.charAt(0).toLowerCase() + type.slice(1),
    fields: paths.map((text) => {
      const path = text.split(".");
      return { path, label: labelOf(path), kind: kindOf(`${type}Input`, path) };
    }),
  };
});
