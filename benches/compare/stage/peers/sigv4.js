// Verifies AWS Signature Version 4 in nginx. In: a request with its Authorization header. Out:
// 'ok', or why it is refused. Knows requests without a body only: a variable is asked for before
// a body is read. Written for njs 0.7.9, which has neither a store that outlives a request, for
// the signing key of the day, nor a comparison in constant time.
import crypto from 'crypto';
import credentials from 'credentials.js';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS = 300 * 1000;
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const FORM = /^AWS4-HMAC-SHA256 Credential=([^,\/ ]+)\/(\d{8})\/([^,\/ ]+)\/([^,\/ ]+)\/aws4_request, ?SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})$/;
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
// Such paths mean one thing to a signer and another to a server.
const AMBIGUOUS = /\/\/|\/\.\.?(\/|$)/;

function verdict(r) {
    try {
        return judge(r);
    } catch (e) {
        return 'malformed';
    }
}

function judge(r) {
    const headers = collect(r.rawHeadersIn);
    if (headers['transfer-encoding'] || (headers['content-length'] || '0') !== '0') {
        return 'a body';
    }
    // Two of them are joined by a comma, and do not match.
    const parts = FORM.exec(headers.authorization || '');
    if (!parts) {
        return 'no signature';
    }
    const id = parts[1], day = parts[2], region = parts[3], service = parts[4], names = parts[5];
    const secret = Object.keys(credentials.secrets).includes(id) ? credentials.secrets[id] : '';
    if (!secret || region !== credentials.region || service !== credentials.service) {
        return 'unknown credential';
    }
    const stamp = headers['x-amz-date'] || '';
    if (stamp.slice(0, 8) !== day || !isFresh(stamp)) {
        return 'date';
    }
    const signed = names.split(';');
    if (!signed.includes('host') || !signed.includes('x-amz-date')) {
        return 'unsigned header';
    }
    const scope = `${day}/${region}/${service}/aws4_request`;
    const text = canonical(r.method, r.variables.request_uri, headers, signed);
    const toSign = `${ALGORITHM}\n${stamp}\n${scope}\n${hash(text)}`;
    return hmac(signingKey(secret, day, region, service), toSign).digest('hex') === parts[6]
        ? 'ok' : 'wrong signature';
}

function collect(raw) {
    const headers = {};
    raw.forEach(pair => {
        const name = pair[0].toLowerCase();
        const value = pair[1].trim().replace(/ +/g, ' ');
        headers[name] = name in headers ? `${headers[name]},${value}` : value;
    });
    return headers;
}

function isFresh(stamp) {
    const t = STAMP.exec(stamp);
    return t !== null
        && Math.abs(Date.now() - Date.UTC(t[1], t[2] - 1, t[3], t[4], t[5], t[6])) <= SKEW_MS;
}

function canonical(method, target, headers, signed) {
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    if (path[0] !== '/' || AMBIGUOUS.test(path)) {
        throw new Error('path');
    }
    const lines = signed.map(name => `${name}:${value(headers, name)}\n`).join('');
    const query = mark < 0 ? '' : canonicalQuery(target.slice(mark + 1));
    // Encoded once more than it was sent, as every service but S3 has it.
    const uri = path.split('/').map(encode).join('/');
    // Without a body, what the caller says of its hash can but be that of nothing.
    const payload = headers['x-amz-content-sha256'] || EMPTY;
    if (payload !== EMPTY && payload !== 'UNSIGNED-PAYLOAD') {
        throw new Error('payload');
    }
    return `${method}\n${uri}\n${query}\n${lines}\n${signed.join(';')}\n${payload}`;
}

function value(headers, name) {
    if (!(name in headers)) {
        throw new Error('header');
    }
    return headers[name];
}

function canonicalQuery(query) {
    const pairs = query.split('&').filter(pair => pair !== '').map(pair => {
        const at = pair.indexOf('=');
        const name = at < 0 ? pair : pair.slice(0, at);
        return [encode(decodeURIComponent(name)), at < 0 ? '' : encode(decodeURIComponent(pair.slice(at + 1)))];
    });
    pairs.sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]));
    return pairs.map(pair => `${pair[0]}=${pair[1]}`).join('&');
}

function order(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

function encode(text) {
    return encodeURIComponent(text).replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase());
}

function signingKey(secret, day, region, service) {
    return [day, region, service, 'aws4_request']
        .reduce((key, part) => hmac(key, part).digest(), 'AWS4' + secret);
}

function hmac(key, text) {
    return crypto.createHmac('sha256', key).update(text);
}

function hash(text) {
    return crypto.createHash('sha256').update(text).digest('hex');
}

export default { verdict };
