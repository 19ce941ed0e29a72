export * from './gen/flotilla/events/v1/changes_pb.ts';
