export * from './gen/flotilla/workflow/v1/events_pb.ts';
export * from './gen/flotilla/workflow/v1/instances_pb.ts';
export * from './gen/flotilla/workflow/v1/workflows_pb.ts';
