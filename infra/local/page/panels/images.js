// A picture: what is in it, in boxes, words and colours, and without its background.

import { alerts } from '../lib/alerts.js';
import { dollars, loggedIn } from '../lib/asking.js';
import { call, Problem } from '../lib/api.js';
import { busy, byId, el, say } from '../lib/dom.js';
import { session } from '../lib/session.js';

/** What a request holds; larger pictures are uploaded first. */
const INLINE = 4_600_000;
const types = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'];

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
};

/** A file as a data URI. */
const read = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.addEventListener('load', () => resolve(reader.result));
  reader.addEventListener('error', () => reject(reader.error));
  reader.readAsDataURL(file);
});

/** Puts a file into S3 by a form that is good for it alone; the key that names it. */
async function upload(file) {
  const form = await call('POST', '/api/uploads', { body: { contentType: file.type, size: file.size } });
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append('file', file);
  const answer = await fetch(form.url, { method: 'POST', body }).catch(() => null);
  if (!answer?.ok) throw new Problem({ status: answer?.status, sentence: 'The picture could not be uploaded.', code: 'UPLOAD_FAILED' });
  return form.imageKey;
}

const kinds = [
  ['face', 'faces', (analysis) => (analysis.faces ?? []).map((face) => ({ box: face.boundingBox, name: strongest(face.emotions), points: face.landmarks }))],
  ['object', 'objects', (analysis) => (analysis.objects ?? []).map((object) => ({ box: object.boundingBox, name: object.name }))],
  ['text', 'text', (analysis) => (analysis.text?.blocks ?? []).map((block) => ({ box: block.boundingBox, name: block.text }))],
  ['crop', 'where to cut', (analysis) => (analysis.cropHints ?? []).map((hint) => ({ box: hint.boundingBox, name: 'where to cut' }))],
];

function strongest(emotions) {
  const [name, share] = Object.entries(emotions ?? {}).sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  return share > 0 ? `a face, ${name} ${Math.round(share * 100)} %` : 'a face';
}

function drawBoxes(analysis, { width, height }) {
  const boxes = byId('boxes');
  boxes.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const nodes = [];
  const legend = [];
  for (const [kind, name, found] of kinds) {
    const all = found(analysis);
    if (all.length > 0) legend.push(el('li', {}, svg('svg', { class: 'swatch', viewBox: '0 0 10 10' }, svg('rect', { class: kind, x: 1, y: 1, width: 8, height: 8 })), ` ${all.length} ${name}`));
    for (const { box, name: title, points } of all) {
      nodes.push(svg('rect', { class: kind, x: box.left, y: box.top, width: box.width, height: box.height }, svg('title', {}, title)));
      for (const { position } of points ?? []) nodes.push(svg('circle', { cx: position.x, cy: position.y, r: Math.max(width, height) / 300 }));
    }
  }
  boxes.replaceChildren(...nodes);
  byId('box-legend').replaceChildren(...legend);
}

function palette(colors) {
  const swatch = ({ color, pixelFraction }) => {
    const channels = [color.red, color.green, color.blue].map((channel) => Math.round(channel));
    const name = `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
    return el('li', {}, svg('svg', { viewBox: '0 0 1 1' }, svg('rect', { width: 1, height: 1, fill: name }), svg('title', {}, name)), `${Math.round(pixelFraction * 100)} %`);
  };
  return el('ul', { class: 'palette push-down-s', 'aria-label': 'Colours' }, ...colors.map(swatch));
}

const tag = (text, warm) => el('span', { class: warm ? 'tag warm' : 'tag' }, text);

function show(title, tags, nodes, note) {
  const sheet = byId('image-answer');
  sheet.replaceChildren(el('div', { class: 'row apart sheet-head' }, el('h3', {}, title), el('span', { class: 'row close' }, ...tags)), ...nodes,
    el('p', { class: 'small push-down' }, note));
  sheet.hidden = false;
}

function showAnalysis({ analysis, image, cached, source, savedUsd }) {
  drawBoxes(analysis, image);
  const nodes = [];
  if (analysis.labels?.length) nodes.push(el('div', { class: 'permissions', 'aria-label': 'Labels' }, ...analysis.labels.map(({ description, score }) => el('code', { title: `${Math.round(score * 100)} %` }, description))));
  if (analysis.colors?.length) nodes.push(palette(analysis.colors));
  if (analysis.text?.text) nodes.push(el('h3', { class: 'push-down' }, `Text${analysis.text.language ? `, ${analysis.text.language}` : ''}`), el('pre', { class: 'push-down-s', tabindex: '0', dir: 'auto' }, analysis.text.text));
  const risky = Object.entries(analysis.safeSearch ?? {}).filter(([, word]) => ['POSSIBLE', 'LIKELY', 'VERY_LIKELY'].includes(word));
  if (risky.length) nodes.push(el('p', { class: 'push-down-s' }, `May be ${risky.map(([name, word]) => `${name} (${word.toLowerCase().replace('_', ' ')})`).join(', ')}.`));
  const local = source === 'local';
  show(`${image.width} by ${image.height} pixels`, [tag(local ? 'counted here' : 'Google Vision', local), ...(cached ? [tag('cached')] : [])], nodes,
    local ? 'Without a vision provider, only the colours are told: set GOOGLE_VISION_API_KEY for the rest.' : `Looked at by Google Vision${savedUsd ? `, ${dollars(savedUsd)} saved` : ''}.`);
  say('The picture is analysed.');
}

export const imagesPanel = {
  id: 'images',
  place: 'main',
  title: 'Look at a picture',

  mount(body, { onLimit }) {
    const file = byId('image-file');
    const drop = byId('drop');
    /** The picture, and how requests name it once that is known. */
    let chosen = null;

    const clear = () => {
      if (chosen) URL.revokeObjectURL(chosen.address);
      chosen = null;
      byId('image-form').reset();
      for (const id of ['image-shown', 'image-answer', 'cut-shown']) byId(id).hidden = true;
      for (const id of ['boxes', 'box-legend', 'image-answer']) byId(id).replaceChildren();
      for (const id of ['picture', 'cut']) byId(id).removeAttribute('src');
    };

    const take = (picture) => {
      if (!picture) return;
      if (!types.includes(picture.type)) {
        alerts.show(new Problem({ sentence: 'Choose a JPEG, PNG, WebP or GIF picture.', code: 'NOT_A_PICTURE' }));
        return;
      }
      clear();
      chosen = { picture, address: URL.createObjectURL(picture) };
      byId('picture').src = chosen.address;
      const way = picture.size > INLINE ? 'it goes to S3 first' : 'it fits into a request';
      byId('image-note').textContent = `${picture.name || 'A picture'}, ${(picture.size / 1e6).toFixed(1)} MB: ${way}.`;
      byId('image-shown').hidden = false;
    };

    file.addEventListener('change', () => take(file.files[0]));
    for (const type of ['dragover', 'dragleave', 'drop']) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.toggle('over', type === 'dragover');
        if (type === 'drop') take(event.dataTransfer.files[0]);
      });
    }
    document.addEventListener('paste', (event) => take([...event.clipboardData.files].find((item) => types.includes(item.type))));

    /** Asks about the picture. `otherwise` may make an answer of a failure. */
    const about = async (button, label, path, more, otherwise) => {
      if (!loggedIn('looking at pictures')) return undefined;
      if (!chosen) {
        alerts.show(new Problem({ sentence: 'Choose a picture first.', code: 'NO_PICTURE' }));
        file.focus();
        return undefined;
      }
      const mine = chosen;
      const user = session.current?.user?.id;
      let answer;
      await busy(button, label, async () => {
        try {
          mine.named ??= mine.picture.size > INLINE ? { imageKey: await upload(mine.picture) } : { image: await read(mine.picture) };
          const request = { ...mine.named, ...more };
          answer = await call('POST', path, { body: request, onLimit }).catch((error) => {
            if (!otherwise) throw error;
            return otherwise(error, request);
          });
        } catch (error) {
          if (session.current?.user?.id === user || error.status === 401) alerts.show(error);
        }
      });
      return chosen === mine && session.current?.user?.id === user ? answer : undefined;
    };

    /** Without a vision provider, colours are counted by the function itself. */
    const colorsAlone = (error, request) => {
      if (error.code !== 'PROVIDER_UNCONFIGURED') throw error;
      return call('POST', '/api/ai/analyze-image', { body: { ...request, analysisTypes: ['colors'] }, onLimit }).catch(() => { throw error; });
    };

    byId('image-form').addEventListener('submit', async (event) => {
      event.preventDefault();
      const answer = await about(byId('analyze'), 'Looking…', '/api/ai/analyze-image', { analysisTypes: ['all'] }, colorsAlone);
      if (answer) showAnalysis(answer);
    });

    byId('describe').addEventListener('click', async () => {
      const answer = await about(byId('describe'), 'Describing…', '/api/ai/describe-image', {});
      if (!answer) return;
      show('In words', [tag(answer.source), ...(answer.cached ? [tag('cached')] : [])], [
        el('p', { class: 'read', dir: 'auto' }, answer.description),
        el('div', { class: 'permissions', 'aria-label': 'Labels' }, ...answer.labels.map((label) => el('code', { dir: 'auto' }, label)))],
      answer.source === 'labels' ? 'A sentence made of labels.' : `Described by ${answer.usage?.model ?? 'a model'}.`);
      say(answer.description);
    });

    byId('cut-out').addEventListener('click', async () => {
      const answer = await about(byId('cut-out'), 'Cutting out…', '/api/ai/remove-background', { size: byId('cut-size').value, format: 'png' });
      if (!answer) return;
      byId('cut').src = answer.image;
      byId('cut-note').textContent = `${answer.width} by ${answer.height} pixels, ${answer.cached ? 'known: no credit charged' : `${answer.creditsCharged} credits charged`}.`;
      byId('cut-shown').hidden = false;
      say('The background is removed.');
    });

    return { forget: clear };
  },
};
