export * from './gen/flotilla/validation/v1/events_pb.ts';
export * from './gen/flotilla/validation/v1/rules_pb.ts';
export * from './gen/flotilla/validation/v1/scoring_pb.ts';
