export * from './gen/flotilla/identity/v1/actions_pb.ts';
export * from './gen/flotilla/identity/v1/credentials_pb.ts';
export * from './gen/flotilla/identity/v1/events_pb.ts';
export * from './gen/flotilla/identity/v1/tenants_pb.ts';
export * from './gen/flotilla/identity/v1/users_pb.ts';
