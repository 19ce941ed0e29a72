import { describe, expect, test } from 'vitest';
import { createTextWriter } from './liquid-text.ts';
import { checkTemplate, checkValues, type Template } from './template.ts';

const writer = createTextWriter();
const body = (text: string, values: Record<string, unknown> = {}) => writer.write('body', text, values);
const failed = expect.objectContaining({ code: 'invalid_argument', reason: 'TEMPLATE_FAILED' });

test('values, conditions and loops', () => {
  const text = '{{ name | upcase }}{% if urgent %}!{% endif %}{% for cve in cves %} {{ cve.id }}{% endfor %}';
  const values = { name: 'ada', urgent: true, cves: [{ id: 'CVE-1' }, { id: 'CVE-2' }] };
  expect(body(text, values)).toBe('ADA! CVE-1 CVE-2');
});

test('a missing value or field is refused, never left empty', () => {
  expect(() => body('{{ name }}')).toThrowError(failed);
  expect(() => body('{{ name.first }}', { name: {} })).toThrowError(failed);
});

test('what JavaScript objects inherit is not visible', () => {
  for (const path of ['constructor', 'name.constructor', '__proto__', 'name.__proto__', 'name.toString']) {
    expect(() => body(`{{ ${path} }}`, { name: {} })).toThrowError(failed);
  }
});

test('there is no way to files, other templates or hidden filters', () => {
  for (const text of [
    '{% include "/etc/passwd" %}',
    '{% render "x" %}',
    '{% layout "x" %}',
    '{% block a %}{% endblock %}',
    '{% capture a %}{% endcapture %}',
    '{% tablerow i in (1..3) %}{% endtablerow %}',
    '{% liquid assign a = 1 %}',
    '{{ "x" | json }}',
    '{{ "x" | date: "%9999999d" }}',
    '{{ "a" | replace: "a", "b" }}',
    '{{ "a" | where_exp: "x", "y" }}',
  ]) {
    expect(() => body(text), text).toThrowError(failed);
  }
});

describe('bombs go off harmlessly', () => {
  const list = Array.from({ length: 1_000 }, (_, index) => index);
  const nested = (depth: number, inner: string) =>
    `${'{% for a in list %}'.repeat(depth)}${inner}${'{% endfor %}'.repeat(depth)}`;
  test.each([
    ['a long range', '{% for i in (1..100000000) %}{% endfor %}'],
    ['loops without body', nested(4, '')],
    ['loops that do nothing', nested(4, '{% if false %}{% endif %}')],
    ['doubling text', `{% assign a = "0123456789" %}${'{% assign a = a | append: a %}'.repeat(60)}{{ a }}`],
    ['much output', nested(2, '{{ list }}')],
    [
      'large numbers',
      `{% assign a = 9 %}${'{% assign a = a | times: a %}'.repeat(1_000)}{% for i in (1..a) %}{% endfor %}`,
    ],
    ['deep nesting', `${'{% if true %}'.repeat(7_000)}`],
  ])('%s', (_, text) => {
    const started = performance.now();
    expect(() => body(text, { list })).toThrowError(failed);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

test('a subject is one line, whatever its values hold', () => {
  expect(writer.write('subject', 'Run {{ name }}', { name: 'x\r\nBcc: all@example.org\u0000' })).toBe(
    'Run x Bcc: all@example.org',
  );
  expect(() => writer.write('subject', '{{ name }}', { name: 'x'.repeat(501) })).toThrowError(failed);
});

describe('templates', () => {
  const template = (more: Partial<Template>): Template => ({
    id: '1',
    name: 'n',
    channel: 'email',
    subject: 'Hello {{ name }}',
    body: 'Dear {{ name }}',
    variables: ['name'],
    status: 'active',
    revision: 1,
    createdAt: new Date(0),
    updatedAt: new Date(0),
    ...more,
  });
  const check = (more: Partial<Template>) => () => checkTemplate(template(more), writer.inspect);

  test('declared variables suffice', () => {
    expect(check({})).not.toThrow();
    expect(
      check({ body: '{% assign b = name %}{{ b }}{% for x in name %}{{ x.y }}{{ forloop.index }}{% endfor %}' }),
    ).not.toThrow();
    expect(check({ channel: 'in_app', subject: '' })).not.toThrow();
  });

  test.each<[Partial<Template>, string]>([
    [{ body: 'Dear\n {{ nam }}' }, 'body: Line 2, column 5: the variable "nam" is not declared.'],
    [{ subject: '{{ other }}' }, 'subject: Line 1, column 4: the variable "other" is not declared.'],
    [{ body: '{% if urgent and name %}{% endif %}' }, 'the variable "urgent" is not declared'],
    [{ body: '{% for x in items %}{% endfor %}' }, 'the variable "items" is not declared'],
    [{ body: '{{ name | append: tail }}' }, 'the variable "tail" is not declared'],
    [{ body: '{{ name[key] }}' }, 'the variable "key" is not declared'],
    [{ body: '{% if name %}' }, 'body: tag {% if name %} not closed, line:1, col:1'],
    [{ body: '{{ name | frob }}' }, 'undefined filter: frob'],
    [{ body: '{% frob %}' }, 'tag "frob" not found'],
    [{ subject: '' }, 'An e-mail needs a subject'],
  ])('%j is refused: %s', (more, message) => {
    expect(check(more)).toThrowError(
      expect.objectContaining({
        code: 'invalid_argument',
        reason: 'TEMPLATE_INVALID',
        message: expect.stringContaining(message),
      }),
    );
  });

  test.each(['sms', 'webhook'] as const)('the channel %s is said to be missing', (channel) => {
    expect(check({ channel })).toThrowError(
      expect.objectContaining({ code: 'failed_precondition', reason: 'CHANNEL_UNAVAILABLE' }),
    );
  });

  test('values must be the declared ones, all and no others', () => {
    expect(() => checkValues({ variables: ['a', 'b'] }, ['a', 'b'])).not.toThrow();
    expect(() => checkValues({ variables: ['a', 'b'] }, ['a', 'c'])).toThrowError(
      expect.objectContaining({
        reason: 'TEMPLATE_VALUES_WRONG',
        message: 'variables.b: missing; variables.c: not declared.',
      }),
    );
  });
});
