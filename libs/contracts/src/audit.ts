export * from './gen/flotilla/audit/v1/audit_pb.ts';
