// What the local stack's page uses of the client, as one file without imports: clients/typescript/check makes it.

export { AuraError } from './problem.js';
export { CollaborationService } from './service.js';
