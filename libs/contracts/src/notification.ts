export * from './gen/flotilla/notification/v1/events_pb.ts';
export * from './gen/flotilla/notification/v1/notifications_pb.ts';
export * from './gen/flotilla/notification/v1/subscriptions_pb.ts';
