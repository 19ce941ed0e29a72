import { type DescField, type DescMethod, type DescService, getOption } from '@bufbuild/protobuf';
import { type MethodRules, methodRules } from '@flotilla/contracts';
import { http } from '@flotilla/contracts/http';

/** The HTTP verbs that the contract may name. */
export type RestVerb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One method of the contract as REST shows it. */
export interface RestRoute {
  readonly method: DescMethod;
  readonly rules: MethodRules;
  readonly verb: RestVerb;
  /** As the contract writes it: `/v1/agents/{agent_id}:execute`. */
  readonly template: string;
  /** The request's fields that the path carries, in the path's order. */
  readonly pathFields: readonly DescField[];
  /** Whether the other fields travel as JSON in the body; else they are query parameters. */
  readonly hasBody: boolean;
  readonly streaming: boolean;
  /** The request's field that a conditional request fills. */
  readonly etagField: DescField | undefined;
  /** The request's field that a resumed stream fills. */
  readonly cursorField: DescField | undefined;
}

/** The routes of all methods that have an HTTP rule and are not for the fleet alone. */
export function restRoutes(services: readonly DescService[]): readonly RestRoute[] {
  return services.flatMap((service) =>
    service.methods.flatMap((method) => {
      const route = methodRules(method).internal ? undefined : restRoute(method);
      return route === undefined ? [] : [route];
    }),
  );
}

/** The path in the router's own notation. A segment holds no colon, so that `:verb` is never part of an id. */
export function routerPath(route: RestRoute): string {
  return route.template.replaceAll(':', '::').replace(/\{(\w+)\}/g, ':$1([^:/]+)');
}

/** Which verbs a concrete path answers to; none means that there is no such path. */
export function allowedVerbs(routes: readonly RestRoute[], path: string): readonly RestVerb[] {
  return [...new Set(routes.filter((route) => pathPattern(route).test(path)).map((route) => route.verb))].sort();
}

function pathPattern(route: RestRoute): RegExp {
  return new RegExp(`^${route.template.replace(/\{\w+\}/g, '[^:/]+')}$`);
}

function restRoute(method: DescMethod): RestRoute | undefined {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined || pattern.case === 'custom') return undefined;
  const streaming = method.methodKind === 'server_streaming';
  if (!streaming && method.methodKind !== 'unary') return undefined;
  const template = pattern.value;
  return {
    method,
    rules: methodRules(method),
    verb: pattern.case.toUpperCase() as Uppercase<typeof pattern.case>,
    template,
    pathFields: [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => pathField(method, name ?? '')),
    hasBody: body === '*',
    streaming,
    etagField: method.input.fields.find((field) => field.name === 'etag'),
    cursorField: streaming ? method.input.fields.find((field) => field.name === 'after') : undefined,
  };
}

function pathField(method: DescMethod, name: string): DescField {
  const field = method.input.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${method.toString()}: the path names the unknown field ${name}`);
  return field;
}
