// A described form becomes real controls, with its own rules.

import { el, isObject } from '../lib/dom.js';

// Called through the prototype, because a control named "reportValidity" or "reset" hides the form's own method.
const formMethod = (name, form) => HTMLFormElement.prototype[name].call(form);

const writtenTypes = ['text', 'email', 'password', 'number', 'textarea'];
const knownTypes = [...writtenTypes, 'date', 'select', 'checkbox', 'radio', 'file'];

/** Compiles a pattern as browsers do for the pattern attribute (whole value, `v`), or else with the older `u`. */
function compile(pattern) {
  for (const flag of ['v', 'u']) {
    try {
      new RegExp(pattern, flag); // alone first: `a)(b` would be repaired by the brackets around it
      return { regex: new RegExp(`^(?:${pattern})$`, flag), flag };
    } catch { /* try the next flag */ }
  }
  return null;
}

/** A usable length, or null. */
const wholeNumber = (value) => (Number.isInteger(value) && value >= 0 ? value : null);

/** The checks that a field describes: {min, max, compiled, message} and notes on what could not be used. */
function rulesOf(field, type) {
  const asked = isObject(field.validation) ? field.validation : {};
  const rules = { min: null, max: null, compiled: null, message: typeof asked.customMessage === 'string' ? asked.customMessage : '', notes: [] };
  const given = (key) => asked[key] !== undefined && asked[key] !== null;
  if (!writtenTypes.includes(type)) {
    const unusable = ['minLength', 'maxLength', 'pattern'].filter(given);
    if (unusable.length) rules.notes.push(`${unusable.join(', ')} ignored: a ${type} field has no text to check.`);
    return rules;
  }
  rules.min = wholeNumber(asked.minLength);
  rules.max = wholeNumber(asked.maxLength);
  if (given('minLength') && rules.min === null) rules.notes.push('minLength ignored: it is not a whole number.');
  if (given('maxLength') && rules.max === null) rules.notes.push('maxLength ignored: it is not a whole number.');
  if (rules.min !== null && rules.max !== null && rules.min > rules.max) {
    rules.notes.push(`Lengths ignored: at least ${rules.min} and at most ${rules.max} cannot both hold.`);
    rules.min = rules.max = null;
  }
  if (given('pattern') && asked.pattern !== '') {
    rules.compiled = typeof asked.pattern === 'string' ? compile(asked.pattern) : null;
    if (!rules.compiled) rules.notes.push(`Pattern ignored, this browser cannot read it: ${String(asked.pattern)}`);
  }
  return rules;
}

/** Puts the first broken rule into the control, where reportValidity and :invalid find it. */
function judge(control, rules) {
  control.setCustomValidity('');
  const { value } = control;
  if (value !== '') { // an empty value is a matter for `required` alone
    const { min, max, compiled, message } = rules;
    // Not left to minlength: browsers skip it for a value that a script or a password manager put there.
    if (min !== null && value.length < min) control.setCustomValidity(message || `Please use at least ${min} characters.`);
    else if (max !== null && value.length > max) control.setCustomValidity(message || `Please use at most ${max} characters.`);
    else if (compiled && !compiled.regex.test(value)) control.setCustomValidity(message || 'Please match the expected format.');
  }
  const { valid, valueMissing, customError } = control.validity;
  if (!valid && !valueMissing && !customError && rules.message) control.setCustomValidity(rules.message);
}

/** Options as [value, label]; a plain string is both. */
function optionsOf(field) {
  return (Array.isArray(field.options) ? field.options : []).map((option) => {
    const value = String(isObject(option) ? option.value ?? option.label ?? '' : option);
    return { value, label: String((isObject(option) ? option.label : null) ?? value) };
  });
}

/**
 * One field -> {node, control, controls, name, read, check}. Ids are ours and never the model's: an id it chose could
 * collide with the page's own.
 */
function renderField(field, index) {
  const id = `field-${index}`;
  const name = String(field.fieldName ?? `field${index + 1}`);
  const type = knownTypes.includes(field.fieldType) ? field.fieldType : 'text';
  const label = String(field.label ?? name);
  const required = field.required === true;
  const options = optionsOf(field);
  const placeholder = typeof field.placeholder === 'string' && field.placeholder ? field.placeholder : null;
  const rules = rulesOf(field, type);
  const { notes } = rules;
  if (type !== field.fieldType) notes.push(`Shown as text: "${String(field.fieldType)}" is not a field type.`);
  if (['select', 'radio'].includes(type) && !options.length) notes.push('No options were given.');

  const wrong = el('p', { class: 'wrong', id: `${id}-wrong` });
  const length = rules.min !== null && rules.max !== null ? `${rules.min} to ${rules.max} characters` : rules.min ? `At least ${rules.min} characters` : rules.max !== null ? `At most ${rules.max} characters` : '';
  const hint = length ? el('p', { class: 'hint', id: `${id}-hint` }, length) : null;
  const noteNodes = notes.map((note, n) => el('p', { class: 'note', id: `${id}-note-${n}` }, note));
  const describedBy = [...(hint ? [hint.id] : []), ...noteNodes.map((node) => node.id), wrong.id].join(' ');
  // The star is for eyes; `required` on the control says it to everyone else.
  const mark = () => (required ? el('span', { class: 'must', 'aria-hidden': 'true', title: 'required' }, '*') : null);
  const words = () => [el('span', { dir: 'auto' }, label), mark()];
  const common = { id, name, required, 'aria-describedby': describedBy };
  const result = { name, type, wrong, check() {} };

  let shell;
  if (type === 'radio' || (type === 'checkbox' && options.length)) {
    // `required` on one radio holds for the group; for checkboxes there is no such thing, so check() says it.
    const controls = options.map((option, n) => el('input', { type, id: `${id}-${n}`, name, value: option.value, required: required && type === 'radio', 'aria-describedby': wrong.id }));
    shell = el('fieldset', { 'aria-describedby': describedBy }, el('legend', { class: 'label' }, ...words()),
      ...controls.map((control, n) => el('label', { class: 'choice' }, control, el('span', { dir: 'auto' }, options[n].label))));
    result.controls = controls;
    result.read = type === 'radio' ? () => controls.find((c) => c.checked)?.value ?? null : () => controls.filter((c) => c.checked).map((c) => c.value);
    if (type === 'checkbox' && required) result.check = () => controls[0].setCustomValidity(controls.some((c) => c.checked) ? '' : 'Please choose at least one.');
  } else if (type === 'checkbox') {
    const control = el('input', { ...common, type });
    shell = el('div', {}, el('label', { class: 'choice lone', for: id }, control, el('span', {}, ...words())));
    Object.assign(result, { controls: [control], read: () => control.checked });
  } else {
    let control;
    if (type === 'select') {
      // An empty first option is what makes `required` mean something on a select.
      control = el('select', common, el('option', { value: '' }, placeholder ?? 'Please choose'), ...options.map((option) => el('option', { value: option.value }, option.label)));
      result.read = () => control.value || null;
    } else if (type === 'textarea') {
      control = el('textarea', { ...common, placeholder, rows: 4, minlength: rules.min, maxlength: rules.max });
      result.read = () => control.value;
    } else {
      const written = writtenTypes.includes(type) && type !== 'number';
      control = el('input', {
        ...common, type, placeholder: writtenTypes.includes(type) ? placeholder : null,
        autocomplete: type === 'password' ? 'new-password' : 'off', step: type === 'number' ? 'any' : null,
        minlength: written ? rules.min : null, maxlength: written ? rules.max : null,
        // Browsers compile the attribute with `v` and complain on the console about one that they cannot read.
        pattern: written && rules.compiled?.flag === 'v' ? field.validation.pattern : null,
      });
      result.read = {
        number: () => (control.value === '' ? null : Number(control.value)),
        password: () => '•'.repeat(control.value.length),
        file: () => { const file = control.files[0]; return file ? { name: file.name, size: file.size, type: file.type } : null; },
      }[type] ?? (() => control.value);
    }
    if (writtenTypes.includes(type)) result.check = () => judge(control, rules);
    shell = el('div', {}, el('label', { for: id }, ...words()), control);
    result.controls = [control];
  }
  shell.append(...[hint, ...noteNodes, wrong].filter(Boolean));
  result.node = el('div', { class: 'field', 'data-field': name, 'data-type': type }, shell);

  /** Shows, or takes away, what is wrong with the field, in place. */
  result.show = (visible) => {
    const bad = visible ? result.controls.find((control) => !control.validity.valid) : undefined;
    wrong.textContent = bad ? bad.validationMessage : '';
    for (const control of result.controls) {
      if (bad) control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
    }
  };
  return result;
}

/** Fills `form` with the fields and returns them. `onValues` gets the collected values of a valid try. */
export function renderForm(form, described, onValues) {
  const fields = described.map((field, index) => renderField(isObject(field) ? field : {}, index));
  for (const field of fields) {
    field.node.addEventListener('input', () => { field.check(); field.show(field.wrong.textContent !== ''); });
  }
  const attempt = el('button', { type: 'submit', class: 'primary', id: 'try' }, 'Try submitting');
  const reset = el('button', { type: 'button', id: 'reset' }, 'Clear');
  reset.addEventListener('click', () => {
    formMethod('reset', form);
    for (const field of fields) { field.check(); field.show(false); }
    onValues(null);
  });
  Element.prototype.replaceChildren.call(form, el('div', { class: 'fields' }, ...fields.map((field) => field.node)), el('div', { class: 'row' }, attempt, reset));
  form.onsubmit = (event) => {
    event.preventDefault(); // nothing ever leaves the page from here
    for (const field of fields) { field.check(); field.show(true); }
    const valid = formMethod('reportValidity', form);
    // fromEntries defines own properties, so even a field named __proto__ is only data.
    onValues(valid ? Object.fromEntries(fields.map((field) => [field.name, field.read()])) : null);
  };
  return fields;
}
